-- {{ value }} of each {{ key }} day by day, as of a day: one row each, its days numbered as Python's date.toordinal() does.
-- A run is days without a gap between them; days that are held are runs of their own. Days without a value are not there.
WITH known AS (
    SELECT {{ key }} AS id, as_of - DATE '0001-01-01' + 1 AS day, {{ value }} AS value, expected, {{ held }} AS held
    FROM scores.{{ table }}
    WHERE as_of <= ? AND {{ value }} IS NOT NULL
),

numbered AS (
    SELECT *, day - ROW_NUMBER() OVER (PARTITION BY id, held ORDER BY day) AS run FROM known
)

SELECT id, LIST({'x': day, 'y': value, 'expected': expected, 'run': run, 'held': held} ORDER BY day) AS days
FROM numbered
GROUP BY id
