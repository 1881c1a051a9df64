-- The value of each metric over each window asked for: parts are aggregated over the window first and combined last.
-- Reads: windows, days, metric.parts, metric_parts (metric, part, function, running, is_manual, shape).
WITH asked AS (
    SELECT DISTINCT metric, as_of, first_day, last_day FROM windows WHERE first_day IS NOT NULL
),

edges AS (
    SELECT metric, last_day AS day FROM asked
    UNION
    SELECT metric, first_day - 1 AS day FROM asked
),

-- No window tells the days between two edges apart, so each day is counted at the next edge.
stretches AS (
    SELECT d.day, MIN(e.day) OVER (ORDER BY d.day ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS edge
    FROM days AS d
    LEFT JOIN (SELECT DISTINCT day FROM edges) AS e ON e.day = d.day
),

-- Parts whose value over a window is the difference of two running sums. On which days they were seen is followed (`tracked`)
-- only where it matters: a sum may be of nothing but NULLs, or somebody asks how old the newest observation is.
-- A level is the sum of the steps it ever took, for each item apart, however long ago; `known` counts the items whose value is
-- not NULL.
steps AS (
    SELECT p.metric, p.part, p.day, p.day AS seen, p.value, NULL AS known
    FROM metric.parts AS p
    JOIN metric_parts AS m ON m.metric = p.metric AND m.part = p.part AND m.running AND m.function <> 'latest'
    UNION ALL
    SELECT p.metric, p.part, CASE WHEN p.day < f.day THEN f.day ELSE p.day END AS day, p.day AS seen,
           COALESCE(p.value, 0) - COALESCE(LAG(p.value) OVER of_item, 0) AS value,
           CASE WHEN p.value IS NULL THEN 0 ELSE 1 END - CASE WHEN LAG(p.value) OVER of_item IS NULL THEN 0 ELSE 1 END AS known
    FROM metric.parts AS p
    JOIN metric_parts AS m ON m.metric = p.metric AND m.part = p.part AND m.running AND m.function = 'latest'
    CROSS JOIN (SELECT MIN(day) AS day FROM days) AS f
    WINDOW of_item AS (PARTITION BY p.metric, p.part, p.item ORDER BY p.day)
),

-- The other parts read all their rows, window by window. Flows: every day of the window; rows that count only later (a lead
-- not yet qualified) are left out until then.
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
        MAX(p.day) AS observed
    FROM asked AS a
    JOIN metric_parts AS m ON m.metric = a.metric AND m.function <> 'latest' AND NOT m.running
    LEFT JOIN metric.parts AS p ON p.metric = m.metric AND p.part = m.part
        AND p.day BETWEEN a.first_day AND a.last_day AND p.counts_from <= a.as_of
    GROUP BY a.metric, a.as_of, a.first_day, a.last_day, m.part, m.function, m.is_manual
),

-- Levels: the last day that has any, for each item apart, however long ago; added up over the items.
newest AS (
    SELECT a.metric, a.as_of, a.first_day, a.last_day, m.part, p.value, p.day
    FROM asked AS a
    JOIN metric_parts AS m ON m.metric = a.metric AND m.function = 'latest' AND NOT m.running
    LEFT JOIN metric.parts AS p ON p.metric = m.metric AND p.part = m.part
        AND p.day <= a.last_day AND p.counts_from <= a.as_of
    QUALIFY p.day IS NOT DISTINCT FROM MAX(p.day) OVER (PARTITION BY a.metric, a.as_of, a.first_day, a.last_day, m.part, p.item)
),

part_values AS (
    SELECT * FROM flows
    UNION ALL
    SELECT metric, as_of, first_day, last_day, part, SUM(value) AS value, MAX(day) AS observed
    FROM newest
    GROUP BY metric, as_of, first_day, last_day, part
){% for shape in shapes %},
{% set running = shape.parts|selectattr("running")|list %}
{% set others = shape.parts|rejectattr("running")|list %}

-- {{ shape.value }}
metrics_{{ shape.number }} AS (
    SELECT DISTINCT metric FROM metric_parts WHERE shape = {{ shape.number }}
),

{% if running %}
daily_{{ shape.number }} AS (
    SELECT metric, day{% for part in running %},
        SUM(value) FILTER (part = '{{ part.name }}') AS value_{{ part.number }}
        {%- if part.is_level or part.tracked %},
        {{ "SUM(known)" if part.is_level else "MAX(CASE WHEN value IS NOT NULL THEN seen END)" }} FILTER (part = '{{ part.name }}') AS known_{{ part.number }}
        {%- endif %}
        {%- if part.tracked %},
        MAX(seen) FILTER (part = '{{ part.name }}') AS seen_{{ part.number }}
        {%- endif %}{% endfor %}

    FROM (
        SELECT p.metric, p.part, s.edge AS day, p.value, p.known, p.seen
        FROM steps AS p
        JOIN stretches AS s ON s.day = p.day AND s.edge IS NOT NULL
        WHERE p.metric IN (SELECT metric FROM metrics_{{ shape.number }})
        UNION ALL BY NAME
        SELECT metric, day FROM edges WHERE metric IN (SELECT metric FROM metrics_{{ shape.number }})
    )
    GROUP BY metric, day
),

running_{{ shape.number }} AS (
    SELECT metric, day{% for part in running %},
        COALESCE(SUM(value_{{ part.number }}) OVER upto, 0) AS value_{{ part.number }}
        {%- if part.is_level or part.tracked %},
        {{ "SUM" if part.is_level else "MAX" }}(known_{{ part.number }}) OVER upto AS known_{{ part.number }}
        {%- endif %}
        {%- if part.tracked %},
        MAX(seen_{{ part.number }}) OVER upto AS seen_{{ part.number }}
        {%- endif %}{% endfor %}

    FROM daily_{{ shape.number }}
    WINDOW upto AS (PARTITION BY metric ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),

{% endif %}
{% if others %}
whole_{{ shape.number }} AS (
    SELECT metric, as_of, first_day, last_day{% for part in others %},
        MAX(value) FILTER (part = '{{ part.name }}') AS value_{{ part.number }},
        MAX(observed) FILTER (part = '{{ part.name }}') AS seen_{{ part.number }}{% endfor %}

    FROM part_values
    WHERE metric IN (SELECT metric FROM metrics_{{ shape.number }})
    GROUP BY metric, as_of, first_day, last_day
),

{% endif %}
-- What was fetched and is empty is 0: nothing happened. Where nobody has said anything it is not 0.
-- Left joins, so that each window looks up its two edges; the planner would pair all edges of a metric first.
values_{{ shape.number }} AS (
    SELECT a.metric, a.as_of, a.first_day, a.last_day{% for part in shape.parts %},
    {% if not part.running %}
        w.value_{{ part.number }} AS "{{ part.name }}", w.seen_{{ part.number }} AS seen_{{ part.number }}
    {%- elif part.is_level %}
        CASE WHEN z.known_{{ part.number }} > 0 THEN z.value_{{ part.number }} END AS "{{ part.name }}"
        {%- if part.tracked %},
        z.seen_{{ part.number }} AS seen_{{ part.number }}
        {%- endif %}
    {%- else %}
        {% if part.tracked %}
        CASE WHEN z.seen_{{ part.number }} IS NULL OR z.seen_{{ part.number }} < a.first_day THEN {{ "NULL" if part.is_manual else "0" }}
             WHEN z.known_{{ part.number }} >= a.first_day THEN
        {%- endif %} z.value_{{ part.number }} - b.value_{{ part.number }}{{ " END" if part.tracked }} AS "{{ part.name }}"
        {%- if part.tracked %},
        CASE WHEN z.seen_{{ part.number }} >= a.first_day THEN z.seen_{{ part.number }} END AS seen_{{ part.number }}
        {%- endif %}
    {%- endif %}{% endfor %}

    FROM asked AS a
    JOIN metrics_{{ shape.number }} AS m ON m.metric = a.metric
{% if running %}
    LEFT JOIN running_{{ shape.number }} AS z ON z.metric = a.metric AND z.day = a.last_day
    LEFT JOIN running_{{ shape.number }} AS b ON b.metric = a.metric AND b.day = a.first_day - 1
{% endif %}
{% if others %}
    LEFT JOIN whole_{{ shape.number }} AS w ON w.metric = a.metric AND w.as_of = a.as_of
        AND w.first_day = a.first_day AND w.last_day = a.last_day
{% endif %}
){% endfor %}

{% for shape in shapes %}
SELECT metric, as_of, first_day, last_day,
    CASE WHEN ISFINITE(CAST({{ shape.value }} AS DOUBLE)) THEN CAST({{ shape.value }} AS DOUBLE) END AS value,
    {% for part in shape.parts %}"{{ part.name }}" IS NOT NULL{{ " AND " if not loop.last }}{% endfor %} AS has_data,
    {% if shape.dated %}LEAST({% for part in shape.parts %}seen_{{ part.number }}{{ ", " if not loop.last }}{% endfor %}){% else %}CAST(NULL AS DATE){% endif %} AS observed,
    CAST(TO_JSON({{ '{' }}{% for part in shape.parts|sort(attribute="name") %}'{{ part.name }}': CAST("{{ part.name }}" AS DOUBLE){{ ", " if not loop.last }}{% endfor %}{{ '}' }}) AS VARCHAR) AS parts
FROM values_{{ shape.number }}
{{ "UNION ALL" if not loop.last }}
{% endfor %}
