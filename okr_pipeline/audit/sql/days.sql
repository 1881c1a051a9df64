-- The parts of metrics by day, for each window of a key result: all days of it for flows, each item's last day for levels. What
-- is counted once (count distinct) is counted on the first day of the window that has it, so that days add up.
WITH measured AS (
{% for query in measured %}
    {{ query }}
    {{ "UNION ALL" if not loop.last }}
{% endfor %}
),

functions AS (
    SELECT * FROM (VALUES {% for metric, part, function in functions %}('{{ metric }}', '{{ part }}', '{{ function }}'){{ ", " if not loop.last }}{% endfor %}) AS f (metric, part, function)
),

windows AS (
    SELECT * FROM (VALUES {% for id, metric, first, last, as_of in windows %}({{ loop.index }}, '{{ id }}', '{{ metric }}', DATE '{{ first }}', DATE '{{ last }}', DATE '{{ as_of }}'){{ ", " if not loop.last }}{% endfor %}) AS w (number, id, metric, first_day, last_day, as_of)
),

used AS (
    SELECT w.number, w.id, w.first_day, m.part, f.function, m.day, m.item, m.value, m.row_count, m.loads,
           ROW_NUMBER() OVER (PARTITION BY w.number, m.part, m.item ORDER BY m.day) = 1 AS is_first
    FROM windows AS w
    JOIN measured AS m ON m.metric = w.metric AND m.day <= w.last_day AND m.counts_from <= w.as_of
    JOIN functions AS f ON f.metric = m.metric AND f.part = m.part
    WHERE f.function = 'latest' OR m.day >= w.first_day
    QUALIFY f.function <> 'latest' OR m.day = MAX(m.day) OVER (PARTITION BY w.number, m.part, m.item)
)

SELECT {% for column in beside %}{{ column }}, {% endfor %}day, part,
    CAST(CASE function
        WHEN 'min' THEN MIN(value)
        WHEN 'max' THEN MAX(value)
        WHEN 'count_distinct' THEN SUM(CASE WHEN is_first THEN 1 ELSE 0 END)
        ELSE SUM(value)
    END AS DOUBLE) AS value,
    COUNT(DISTINCT item) AS items,
    CAST(SUM(row_count) AS BIGINT) AS row_count,
    LIST_SORT(LIST_DISTINCT(FLATTEN(LIST(loads)))) AS loads
FROM used
GROUP BY number, id, first_day, day, part, function
{% if newest %}
QUALIFY DENSE_RANK() OVER (PARTITION BY id ORDER BY day DESC) <= {{ newest }}
{% endif %}
ORDER BY number, day, part
