-- The loads in a span that changed which rows of a table stand, of the rows that meet a condition: how many came new, came
-- changed (their key was there before), and went.
WITH versions AS (
    SELECT *, CAST(NULL AS BIGINT) AS _superseded FROM raw.{{ table }}
    UNION ALL BY NAME
    SELECT * FROM history.{{ table }}
),

came AS (
    SELECT {{ keys|join(", ") }}, _load
    FROM versions
    WHERE ({{ condition }}) AND _load > {{ first }} AND _load <= {{ last }} AND (_superseded IS NULL OR _superseded > {{ last }})
),

went AS (
    SELECT {{ keys|join(", ") }}, _superseded
    FROM versions
    WHERE ({{ condition }}) AND _load <= {{ first }} AND _superseded > {{ first }} AND _superseded <= {{ last }}
),

touched AS (
    SELECT COALESCE(c._load, w._superseded) AS load,
        CASE WHEN w._superseded IS NULL THEN 1 ELSE 0 END AS inserted,
        CASE WHEN c._load IS NOT NULL AND w._superseded IS NOT NULL THEN 1 ELSE 0 END AS changed,
        CASE WHEN c._load IS NULL THEN 1 ELSE 0 END AS gone
    FROM came AS c
    FULL JOIN went AS w ON {% for key in keys %}c.{{ key }} = w.{{ key }}{{ " AND " if not loop.last }}{% endfor %}

)

SELECT t.load, l.known_at, l.notes,
    CAST(SUM(t.inserted) AS BIGINT) AS new, CAST(SUM(t.changed) AS BIGINT) AS changed, CAST(SUM(t.gone) AS BIGINT) AS gone
FROM touched AS t
JOIN ledger.loads AS l ON l.load = t.load
GROUP BY t.load, l.known_at, l.notes
ORDER BY t.load
