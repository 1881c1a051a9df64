-- {{ value }} of each {{ key }} day by day, as of a day: one row each, its days numbered as Python's date.toordinal() does.
-- A run is days without a gap between them; days that are held are runs of their own. Days without a value are not there, nor are
-- days within a run that a straight line from the one before to the one after passes.
-- `said` are days of which somebody said a number in a check-in; `first_known` is what was first said of a day, where the source restated it later.
WITH known AS (
    SELECT {{ key }} AS id, as_of, as_of - DATE '0001-01-01' + 1 AS day, {{ value }} AS value, expected, {{ held }} AS held,
        {{ said }} AS said
    FROM scores.{{ table }}
    WHERE as_of <= $as_of AND {{ value }} IS NOT NULL
),

first_versions AS (
    SELECT {{ key }} AS id, as_of, {{ value }} AS first_known
    FROM history.{{ table }}
    WHERE as_of <= $as_of
    QUALIFY _load = MIN(_load) OVER (PARTITION BY {{ key }}, as_of)
),

numbered AS (
    SELECT k.*, CASE WHEN NOT k.held AND f.first_known <> k.value THEN f.first_known END AS first_known,
        k.day - ROW_NUMBER() OVER (PARTITION BY k.id, k.held ORDER BY k.day) AS run
    FROM known AS k
    LEFT JOIN first_versions AS f ON f.id = k.id AND f.as_of = k.as_of
),

-- The days between which nothing bends are not needed: most values stay for days, and most of what is expected grows evenly.
bends AS (
    SELECT *
    FROM numbered
    WINDOW days AS (PARTITION BY id, held, run ORDER BY day)
    QUALIFY said OR first_known IS NOT NULL
        OR value IS DISTINCT FROM LAG(value) OVER days OR value IS DISTINCT FROM LEAD(value) OVER days
        OR COALESCE(ABS(LAG(expected) OVER days + LEAD(expected) OVER days - 2 * expected) > 1e-9, expected IS NOT NULL)
)

SELECT id,
    LIST({'x': day, 'y': value, 'expected': expected, 'run': run, 'held': held, 'said': said, 'first_known': first_known} ORDER BY day) AS days
FROM bends
GROUP BY id
