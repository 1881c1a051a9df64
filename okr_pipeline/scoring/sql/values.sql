-- The value of a shape of metrics (one formula over like parts) over each window: parts are aggregated over the window first and
-- combined last. Reads: asked, windows, what daily.sql makes of the shape, metric.parts, formulas (metric, its number,
-- shape).
{% set running = shape.parts|selectattr("running")|list %}
{% set others = shape.parts|rejectattr("running")|list %}
{% set levels = running|selectattr("is_level")|list %}
{% set followed = levels or running|selectattr("tracked")|list %}
WITH metrics AS (
    SELECT metric, metric_number FROM formulas WHERE shape = {{ shape.number }}
),

spanned AS (
    SELECT a.version, a.role, a.metric_number, a.sources, w.as_of, w.number, w.complete, w.first_day, w.last_day
    FROM asked AS a
    JOIN metrics AS m ON m.metric_number = a.metric_number
    JOIN windows AS w ON w.span = a.span AND w.as_of BETWEEN a.first_as_of AND a.last_as_of AND w.first_day IS NOT NULL
){% if running %},

running AS (
    SELECT metric_number, day{% for part in running %},
        COALESCE(SUM(value_{{ part.number }}) OVER upto, 0) AS value_{{ part.number }}
        {%- if part.is_level or part.tracked %},
        {{ "SUM" if part.is_level else "MAX" }}(known_{{ part.number }}) OVER upto AS known_{{ part.number }}
        {%- endif %}
        {%- if part.tracked %},
        MAX(seen_{{ part.number }}) OVER upto AS seen_{{ part.number }}
        {%- endif %}{% endfor %}

    {# What is added up need not begin anew with each metric: a difference of two sums is the same, and no row looks back. DuckDB
       keeps the order of a subquery's rows under such a window (docs: Order Preservation). #}
    {% if followed %}
    FROM daily_{{ shape.number }}
    WINDOW upto AS (PARTITION BY metric_number ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    {% else %}
    FROM (SELECT * FROM daily_{{ shape.number }} ORDER BY metric_number, day)
    WINDOW upto AS (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    {% endif %}
){% endif %}{% if others %},

-- The other parts read all their rows, window by window.
parts (part, number, function, is_manual) AS (
    VALUES {% for part in others %}('{{ part.name }}', {{ part.number }}, '{{ part.function }}', {{ part.is_manual }}){{ ", " if not loop.last }}{% endfor %}

),

read AS (
    SELECT DISTINCT m.metric, a.metric_number, a.as_of, a.first_day, a.last_day
    FROM spanned AS a
    JOIN metrics AS m ON m.metric_number = a.metric_number
),

-- Flows: every day of the window; rows that count only later (a lead not yet qualified) are left out until then.
flows AS (
    SELECT a.metric_number, a.as_of, a.first_day, a.last_day, m.number,
        CASE
            WHEN m.is_manual AND COUNT(p.row_count) = 0 THEN NULL -- nobody has said anything, which is not 0
            WHEN m.function = 'count_distinct' THEN CAST(COUNT(DISTINCT p.item) AS DECIMAL(38, 9))
            WHEN m.function = 'min' THEN MIN(p.value)
            WHEN m.function = 'max' THEN MAX(p.value)
            WHEN COUNT(p.row_count) = 0 THEN CAST(0 AS DECIMAL(38, 9)) -- fetched and empty: nothing happened
            ELSE SUM(p.value)
        END AS value,
        MAX(p.day) AS observed
    FROM read AS a
    JOIN parts AS m ON m.function <> 'latest'
    LEFT JOIN metric.parts AS p ON p.metric = a.metric AND p.part = m.part
        AND p.day BETWEEN a.first_day AND a.last_day AND p.counts_from <= a.as_of
    GROUP BY a.metric_number, a.as_of, a.first_day, a.last_day, m.number, m.function, m.is_manual
),

-- Levels: the last day that has any, for each item apart, however long ago; added up over the items.
newest AS (
    SELECT a.metric_number, a.as_of, a.first_day, a.last_day, m.number, p.value, p.day
    FROM read AS a
    JOIN parts AS m ON m.function = 'latest'
    LEFT JOIN metric.parts AS p ON p.metric = a.metric AND p.part = m.part
        AND p.day <= a.last_day AND p.counts_from <= a.as_of
    QUALIFY p.day IS NOT DISTINCT FROM
        MAX(p.day) OVER (PARTITION BY a.metric_number, a.as_of, a.first_day, a.last_day, m.number, p.item)
),

part_values AS (
    SELECT * FROM flows
    UNION ALL
    SELECT metric_number, as_of, first_day, last_day, number, SUM(value) AS value, MAX(day) AS observed
    FROM newest
    GROUP BY metric_number, as_of, first_day, last_day, number
),

whole AS (
    SELECT metric_number, as_of, first_day, last_day{% for part in others %},
        MAX(value) FILTER (number = {{ part.number }}) AS value_{{ part.number }},
        MAX(observed) FILTER (number = {{ part.number }}) AS seen_{{ part.number }}{% endfor %}

    FROM part_values
    GROUP BY metric_number, as_of, first_day, last_day
){% endif %},

-- What was fetched and is empty is 0: nothing happened. Where nobody has said anything it is not 0.
-- Left joins, so that each window looks up its two edges; the planner would pair all edges of a metric first.
-- The window's own columns are told apart by their names until the end, for a part may bear the same.
combined AS (
    SELECT COLUMNS(w.*) AS "window \0"{% for part in shape.parts %},
    {% if not part.running %}
        o.value_{{ part.number }} AS "{{ part.name }}", o.seen_{{ part.number }} AS seen_{{ part.number }}
    {%- elif part.is_level %}
        CASE WHEN z.known_{{ part.number }} > 0 THEN z.value_{{ part.number }} END AS "{{ part.name }}"
        {%- if part.tracked %},
        z.seen_{{ part.number }} AS seen_{{ part.number }}
        {%- endif %}
    {%- else %}
        {% if part.tracked %}
        CASE WHEN z.seen_{{ part.number }} IS NULL OR z.seen_{{ part.number }} < w.first_day THEN {{ "NULL" if part.is_manual else "0" }}
             WHEN z.known_{{ part.number }} >= w.first_day THEN
        {%- endif %} z.value_{{ part.number }} - b.value_{{ part.number }}{{ " END" if part.tracked }} AS "{{ part.name }}"
        {%- if part.tracked %},
        CASE WHEN z.seen_{{ part.number }} >= w.first_day THEN z.seen_{{ part.number }} END AS seen_{{ part.number }}
        {%- endif %}
    {%- endif %}{% endfor %}

    FROM spanned AS w
{% if running %}
    LEFT JOIN running AS z ON z.metric_number = w.metric_number AND z.day = w.last_day
    LEFT JOIN running AS b ON b.metric_number = w.metric_number AND b.day = w.first_day - 1
{% endif %}
{% if others %}
    LEFT JOIN whole AS o ON o.metric_number = w.metric_number AND o.as_of = w.as_of
        AND o.first_day = w.first_day AND o.last_day = w.last_day
{% endif %}
)

SELECT COLUMNS('^window (.*)') AS '\1',
    CASE WHEN ISFINITE(CAST({{ shape.value }} AS DOUBLE)) THEN CAST({{ shape.value }} AS DOUBLE) END AS value,
    {% for part in shape.parts %}"{{ part.name }}" IS NOT NULL{{ " AND " if not loop.last }}{% endfor %} AS has_data,
    {% if shape.dated %}LEAST({% for part in shape.parts %}seen_{{ part.number }}{{ ", " if not loop.last }}{% endfor %}){% else %}CAST(NULL AS DATE){% endif %} AS observed,
    CAST(TO_JSON({{ '{' }}{% for part in shape.parts|sort(attribute="name") %}'{{ part.name }}': CAST("{{ part.name }}" AS DOUBLE){{ ", " if not loop.last }}{% endfor %}{{ '}' }}) AS VARCHAR) AS parts
FROM combined
