-- The rows that stood at a load: brought by it or an earlier one, and superseded, if at all, by a later one.
WITH versions AS (
    SELECT *, CAST(NULL AS BIGINT) AS _superseded FROM scores.{{ table }}
    UNION ALL BY NAME
    SELECT * FROM history.{{ table }}
),

configured AS (
    SELECT UNNEST(CAST($order AS VARCHAR[])) AS id, GENERATE_SUBSCRIPTS(CAST($order AS VARCHAR[]), 1) AS position
)

SELECT v.* EXCLUDE (_superseded, _load), l.known_at
FROM versions AS v
JOIN configured AS c ON c.id = v.{{ key }}
JOIN ledger.loads AS l ON l.load = v._load
WHERE v.as_of <= $as_of AND v._load <= $load AND (v._superseded IS NULL OR v._superseded > $load)
QUALIFY ROW_NUMBER() OVER (PARTITION BY v.{{ key }} ORDER BY v.as_of DESC) = 1
ORDER BY c.position
