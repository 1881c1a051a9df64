-- The value of every metric over its windows, one shape (a formula over like parts) after the other: parts are aggregated over the
-- window first and combined last. Reads: asked, windows, calendar, metric.parts, metric.months, formulas (metric, its number, shape).
{# A metric's day as one number: what is grouped, sorted and joined by it is so in a tenth less time than by two columns. #}
{% macro place(metric_number, day) %}{{ metric_number }} * CAST(10000000 AS BIGINT) + ({{ day }} - DATE '0001-01-01'){% endmacro %}
WITH spans AS (
    SELECT metric_number, span, MIN(first_as_of) AS first_as_of, MAX(last_as_of) AS last_as_of
    FROM asked
    WHERE first_as_of <= last_as_of
    GROUP BY metric_number, span
),

edges AS (
    SELECT last_day AS day FROM windows WHERE first_day IS NOT NULL
    UNION
    SELECT first_day - 1 AS day FROM windows WHERE first_day IS NOT NULL
),

-- No window tells the days between two edges apart, so each day is counted at the next edge, and a month without an edge within
-- as a whole. The calendar ends long after the last edge.
counted_at AS (
    SELECT d.day, d.month_first, MIN(e.day) OVER (ORDER BY d.day ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS edge
    FROM calendar AS d
    LEFT JOIN edges AS e ON e.day = d.day
),

months AS (
    SELECT month_first, MIN(edge) AS edge
    FROM counted_at
    GROUP BY month_first
    HAVING MIN(edge) = MAX(edge) AND COUNT(edge) = MAX(day) - month_first + 1
),

stretches AS (
    SELECT day, edge FROM counted_at WHERE edge IS NOT NULL AND month_first NOT IN (SELECT month_first FROM months)
){% for shape in shapes %},
{% set running = shape.parts|selectattr("running")|list %}
{% set others = shape.parts|rejectattr("running")|list %}
{% set levels = running|selectattr("is_level")|list %}
{% set sums = "WHERE p.part NOT IN ('" ~ levels|map(attribute="name")|join("', '") ~ "')" if levels else "" %}
{% set followed = levels or running|selectattr("tracked")|list %}

-- {{ shape.value }}
metrics_{{ shape.number }} AS (
    SELECT metric, metric_number FROM formulas WHERE shape = {{ shape.number }}
),

spanned_{{ shape.number }} AS (
    SELECT s.metric_number, w.*
    FROM spans AS s
    JOIN metrics_{{ shape.number }} AS m ON m.metric_number = s.metric_number
    JOIN windows AS w ON w.span = s.span AND w.as_of BETWEEN s.first_as_of AND s.last_as_of AND w.first_day IS NOT NULL
){% if running %},

{% if levels %}
-- A level is the sum of the steps it ever took, for each item apart, however long ago; `known` counts the items whose value is
-- not NULL.
steps_{{ shape.number }} AS (
    SELECT m.metric_number, p.part, CASE WHEN p.day < f.day THEN f.day ELSE p.day END AS day, p.day AS seen,
           COALESCE(p.value, 0) - COALESCE(LAG(p.value) OVER of_item, 0) AS value,
           CASE WHEN p.value IS NULL THEN 0 ELSE 1 END - CASE WHEN LAG(p.value) OVER of_item IS NULL THEN 0 ELSE 1 END AS known
    FROM metric.parts AS p
    JOIN metrics_{{ shape.number }} AS m ON m.metric = p.metric
    CROSS JOIN (SELECT MIN(day) AS day FROM calendar) AS f
    WHERE p.part IN ('{{ levels|map(attribute="name")|join("', '") }}')
    WINDOW of_item AS (PARTITION BY p.metric, p.part, p.item ORDER BY p.day)
),

{% endif %}
-- Parts whose value over a window is the difference of two running sums, by day. On which days they were seen is followed
-- (`tracked`) only where it matters: a sum may be of nothing but NULLs, or somebody asks how old the newest observation is.
daily_{{ shape.number }} AS (
    SELECT place{% for part in running %},
        SUM(value) FILTER (part = '{{ part.name }}') AS value_{{ part.number }}
        {%- if part.is_level or part.tracked %},
        {{ "SUM(known)" if part.is_level else "MAX(valued)" }} FILTER (part = '{{ part.name }}') AS known_{{ part.number }}
        {%- endif %}
        {%- if part.tracked %},
        MAX(seen) FILTER (part = '{{ part.name }}') AS seen_{{ part.number }}
        {%- endif %}{% endfor %}

    FROM (
        SELECT {{ place("m.metric_number", "s.edge") }} AS place, p.part, p.day AS seen,
               CASE WHEN p.value IS NOT NULL THEN p.day END AS valued, p.value
        FROM metric.parts AS p
        JOIN metrics_{{ shape.number }} AS m ON m.metric = p.metric
        JOIN stretches AS s ON s.day = p.day
        {{ sums }}
        UNION ALL BY NAME
        SELECT {{ place("m.metric_number", "s.edge") }} AS place, p.part, p.seen, p.valued, p.value
        FROM metric.months AS p
        JOIN metrics_{{ shape.number }} AS m ON m.metric = p.metric
        JOIN months AS s ON s.month_first = p.month_first
        {{ sums }}
        {% if levels %}
        UNION ALL BY NAME
        SELECT {{ place("p.metric_number", "s.edge") }} AS place, p.part, p.seen, p.value, p.known
        FROM steps_{{ shape.number }} AS p
        JOIN counted_at AS s ON s.day = p.day AND s.edge IS NOT NULL
        {% endif %}
        UNION ALL BY NAME
        SELECT {{ place("m.metric_number", "e.day") }} AS place FROM metrics_{{ shape.number }} AS m CROSS JOIN edges AS e
    )
    GROUP BY place
),

running_{{ shape.number }} AS (
    SELECT place{% for part in running %},
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
    WINDOW upto AS (PARTITION BY place // 10000000 ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    {% else %}
    FROM (SELECT * FROM daily_{{ shape.number }} ORDER BY place)
    WINDOW upto AS (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    {% endif %}
){% endif %}{% if others %},

-- The other parts read all their rows, window by window.
parts_{{ shape.number }} (part, number, function, is_manual) AS (
    VALUES {% for part in others %}('{{ part.name }}', {{ part.number }}, '{{ part.function }}', {{ part.is_manual }}){{ ", " if not loop.last }}{% endfor %}

),

read_{{ shape.number }} AS (
    SELECT DISTINCT m.metric, a.metric_number, a.as_of, a.first_day, a.last_day
    FROM spanned_{{ shape.number }} AS a
    JOIN metrics_{{ shape.number }} AS m ON m.metric_number = a.metric_number
),

-- Flows: every day of the window; rows that count only later (a lead not yet qualified) are left out until then.
flows_{{ shape.number }} AS (
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
    FROM read_{{ shape.number }} AS a
    JOIN parts_{{ shape.number }} AS m ON m.function <> 'latest'
    LEFT JOIN metric.parts AS p ON p.metric = a.metric AND p.part = m.part
        AND p.day BETWEEN a.first_day AND a.last_day AND p.counts_from <= a.as_of
    GROUP BY a.metric_number, a.as_of, a.first_day, a.last_day, m.number, m.function, m.is_manual
),

-- Levels: the last day that has any, for each item apart, however long ago; added up over the items.
newest_{{ shape.number }} AS (
    SELECT a.metric_number, a.as_of, a.first_day, a.last_day, m.number, p.value, p.day
    FROM read_{{ shape.number }} AS a
    JOIN parts_{{ shape.number }} AS m ON m.function = 'latest'
    LEFT JOIN metric.parts AS p ON p.metric = a.metric AND p.part = m.part
        AND p.day <= a.last_day AND p.counts_from <= a.as_of
    QUALIFY p.day IS NOT DISTINCT FROM
        MAX(p.day) OVER (PARTITION BY a.metric_number, a.as_of, a.first_day, a.last_day, m.number, p.item)
),

part_values_{{ shape.number }} AS (
    SELECT * FROM flows_{{ shape.number }}
    UNION ALL
    SELECT metric_number, as_of, first_day, last_day, number, SUM(value) AS value, MAX(day) AS observed
    FROM newest_{{ shape.number }}
    GROUP BY metric_number, as_of, first_day, last_day, number
),

whole_{{ shape.number }} AS (
    SELECT metric_number, as_of, first_day, last_day{% for part in others %},
        MAX(value) FILTER (number = {{ part.number }}) AS value_{{ part.number }},
        MAX(observed) FILTER (number = {{ part.number }}) AS seen_{{ part.number }}{% endfor %}

    FROM part_values_{{ shape.number }}
    GROUP BY metric_number, as_of, first_day, last_day
){% endif %},

-- What was fetched and is empty is 0: nothing happened. Where nobody has said anything it is not 0.
-- Left joins, so that each window looks up its two edges; the planner would pair all edges of a metric first.
-- The window's own columns are told apart by their names until the end, for a part may bear the same.
combined_{{ shape.number }} AS (
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

    FROM spanned_{{ shape.number }} AS w
{% if running %}
    LEFT JOIN running_{{ shape.number }} AS z ON z.place = {{ place("w.metric_number", "w.last_day") }}
    LEFT JOIN running_{{ shape.number }} AS b ON b.place = {{ place("w.metric_number", "(w.first_day - 1)") }}
{% endif %}
{% if others %}
    LEFT JOIN whole_{{ shape.number }} AS o ON o.metric_number = w.metric_number AND o.as_of = w.as_of
        AND o.first_day = w.first_day AND o.last_day = w.last_day
{% endif %}
){% endfor %}

{% for shape in shapes %}
SELECT COLUMNS('^window (.*)') AS '\1',
    CASE WHEN ISFINITE(CAST({{ shape.value }} AS DOUBLE)) THEN CAST({{ shape.value }} AS DOUBLE) END AS value,
    {% for part in shape.parts %}"{{ part.name }}" IS NOT NULL{{ " AND " if not loop.last }}{% endfor %} AS has_data,
    {% if shape.dated %}LEAST({% for part in shape.parts %}seen_{{ part.number }}{{ ", " if not loop.last }}{% endfor %}){% else %}CAST(NULL AS DATE){% endif %} AS observed,
    CAST(TO_JSON({{ '{' }}{% for part in shape.parts|sort(attribute="name") %}'{{ part.name }}': CAST("{{ part.name }}" AS DOUBLE){{ ", " if not loop.last }}{% endfor %}{{ '}' }}) AS VARCHAR) AS parts
FROM combined_{{ shape.number }}
{{ "UNION ALL BY NAME" if not loop.last }}
{% endfor %}
