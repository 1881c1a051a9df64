-- The value of each metric over each window asked for: parts are aggregated over the window first and combined last.
-- Reads: windows, metric.parts, metric_parts (metric, part, function, shape, is_manual).
WITH asked AS (
    SELECT DISTINCT metric, as_of, first_day, last_day FROM windows WHERE first_day IS NOT NULL
),

-- Flows: every day of the window. Rows that count only later (a lead not yet qualified) are left out until then.
flows AS (
    SELECT a.metric, a.as_of, a.first_day, a.last_day, m.part,
        CASE
            WHEN m.is_manual AND COUNT(p.row_count) = 0 THEN NULL -- nobody has said anything, which is not 0
            WHEN m.function = 'count_distinct' THEN CAST(COUNT(DISTINCT p.item) AS DECIMAL(38, 9))
            WHEN m.function = 'min' THEN MIN(p.value)
            WHEN m.function = 'max' THEN MAX(p.value)
            WHEN COUNT(p.row_count) = 0 THEN CAST(0 AS DECIMAL(38, 9)) -- fetched and empty: nothing happened
            ELSE SUM(p.value)
        END AS value,
        COALESCE(SUM(p.row_count), 0) AS row_count,
        MAX(p.day) AS observed,
        FLATTEN(LIST(p.loads)) AS loads
    FROM asked AS a
    JOIN metric_parts AS m ON m.metric = a.metric AND m.function <> 'latest'
    LEFT JOIN metric.parts AS p ON p.metric = m.metric AND p.part = m.part
        AND p.day BETWEEN a.first_day AND a.last_day AND p.counts_from <= a.as_of
    GROUP BY a.metric, a.as_of, a.first_day, a.last_day, m.part, m.function, m.is_manual
),

-- Levels: the last day that has any, for each item apart, however long ago; added up over the items.
newest AS (
    SELECT a.metric, a.as_of, a.first_day, a.last_day, m.part, p.value, p.row_count, p.day, p.loads
    FROM asked AS a
    JOIN metric_parts AS m ON m.metric = a.metric AND m.function = 'latest'
    LEFT JOIN metric.parts AS p ON p.metric = m.metric AND p.part = m.part
        AND p.day <= a.last_day AND p.counts_from <= a.as_of
    QUALIFY p.day IS NOT DISTINCT FROM MAX(p.day) OVER (PARTITION BY a.metric, a.as_of, a.first_day, a.last_day, m.part, p.item)
),

levels AS (
    SELECT metric, as_of, first_day, last_day, part, SUM(value) AS value, COALESCE(SUM(row_count), 0) AS row_count,
           MAX(day) AS observed, FLATTEN(LIST(loads)) AS loads
    FROM newest
    GROUP BY metric, as_of, first_day, last_day, part
),

part_values AS (
    SELECT * FROM flows
    UNION ALL
    SELECT * FROM levels
),

combined AS (
{% for shape in shapes %}
    SELECT metric, as_of, first_day, last_day, CAST({{ shape.value }} AS DOUBLE) AS value
    FROM (
        SELECT p.metric, p.as_of, p.first_day, p.last_day
        {%- for part in shape.parts %}, MAX(p.value) FILTER (WHERE p.part = '{{ part }}') AS "{{ part }}"{% endfor %}

        FROM part_values AS p
        WHERE p.metric IN (SELECT metric FROM metric_parts WHERE shape = {{ loop.index0 }})
        GROUP BY p.metric, p.as_of, p.first_day, p.last_day
    )
    {{ "UNION ALL" if not loop.last }}
{% endfor %}
),

gathered AS (
    SELECT metric, as_of, first_day, last_day,
           CAST(TO_JSON(MAP_FROM_ENTRIES(LIST({'k': part, 'v': CAST(value AS DOUBLE)} ORDER BY part))) AS VARCHAR) AS parts,
           COUNT(*) = COUNT(value) AS has_data,
           SUM(row_count) AS row_count,
           MIN(observed) AS observed,
           LIST_SORT(LIST_DISTINCT(FLATTEN(LIST(loads)))) AS loads
    FROM part_values
    GROUP BY metric, as_of, first_day, last_day
)

SELECT g.*, CASE WHEN ISINF(c.value) OR ISNAN(c.value) THEN NULL ELSE c.value END AS value
FROM gathered AS g
JOIN combined AS c ON c.metric = g.metric AND c.as_of = g.as_of AND c.first_day = g.first_day AND c.last_day = g.last_day
