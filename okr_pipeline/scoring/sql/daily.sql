-- The running parts of a shape of metrics by day: those whose value over a window is the difference of two running sums. On which
-- days they were seen is followed (`tracked`) only where it matters: a sum may be of nothing but NULLs, or somebody asks how old
-- the newest observation is.
-- Reads: asked, windows, calendar, metric.parts, metric.months, formulas (metric, its number, shape).
{% set running = shape.parts|selectattr("running")|list %}
{% set levels = running|selectattr("is_level")|list %}
{% set sums = "WHERE p.part NOT IN ('" ~ levels|map(attribute="name")|join("', '") ~ "')" if levels else "" %}
WITH metrics AS (
    SELECT metric, metric_number FROM formulas WHERE shape = {{ shape.number }}
),

spans AS (
    SELECT a.span FROM asked AS a JOIN metrics AS m ON m.metric_number = a.metric_number
),

edges AS (
    SELECT last_day AS day FROM windows WHERE span IN (FROM spans) AND first_day IS NOT NULL
    UNION
    SELECT first_day - 1 AS day FROM windows WHERE span IN (FROM spans) AND first_day IS NOT NULL
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
){% if levels %},

-- A level is the sum of the steps it ever took, for each item apart, however long ago; `known` counts the items whose value is
-- not NULL.
steps AS (
    SELECT m.metric_number, p.part, CASE WHEN p.day < f.day THEN f.day ELSE p.day END AS day, p.day AS seen,
           COALESCE(p.value, 0) - COALESCE(LAG(p.value) OVER of_item, 0) AS value,
           CASE WHEN p.value IS NULL THEN 0 ELSE 1 END - CASE WHEN LAG(p.value) OVER of_item IS NULL THEN 0 ELSE 1 END AS known
    FROM metric.parts AS p
    JOIN metrics AS m ON m.metric = p.metric
    CROSS JOIN (SELECT MIN(day) AS day FROM calendar) AS f
    WHERE p.part IN ('{{ levels|map(attribute="name")|join("', '") }}')
    WINDOW of_item AS (PARTITION BY p.metric, p.part, p.item ORDER BY p.day)
){% endif %}

SELECT metric_number, day{% for part in running %},
    SUM(value) FILTER (part = '{{ part.name }}') AS value_{{ part.number }}
    {%- if part.is_level or part.tracked %},
    {{ "SUM(known)" if part.is_level else "MAX(valued)" }} FILTER (part = '{{ part.name }}') AS known_{{ part.number }}
    {%- endif %}
    {%- if part.tracked %},
    MAX(seen) FILTER (part = '{{ part.name }}') AS seen_{{ part.number }}
    {%- endif %}{% endfor %}

FROM (
    SELECT m.metric_number, p.part, s.edge AS day, p.day AS seen, CASE WHEN p.value IS NOT NULL THEN p.day END AS valued, p.value
    FROM metric.parts AS p
    JOIN metrics AS m ON m.metric = p.metric
    JOIN stretches AS s ON s.day = p.day
    {{ sums }}
    UNION ALL BY NAME
    SELECT m.metric_number, p.part, s.edge AS day, p.seen, p.valued, p.value
    FROM metric.months AS p
    JOIN metrics AS m ON m.metric = p.metric
    JOIN months AS s ON s.month_first = p.month_first
    {{ sums }}
    {% if levels %}
    UNION ALL BY NAME
    SELECT p.metric_number, p.part, s.edge AS day, p.seen, p.value, p.known
    FROM steps AS p
    JOIN counted_at AS s ON s.day = p.day AND s.edge IS NOT NULL
    {% endif %}
    UNION ALL BY NAME
    SELECT m.metric_number, e.day FROM metrics AS m CROSS JOIN edges AS e
)
GROUP BY metric_number, day
