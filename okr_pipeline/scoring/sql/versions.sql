-- The rows that stood at an instant: brought by a load known by then, and not yet superseded by one.
WITH versions AS (
    SELECT *, CAST(NULL AS BIGINT) AS _superseded FROM scores.{{ table }}
    {% if has_history %}
    UNION ALL BY NAME
    SELECT * FROM history.{{ table }}
    {% endif %}
),

standing AS (
    SELECT v.*, l.known_at
    FROM versions AS v
    JOIN ledger.loads AS l ON l.load = v._load AND l.known_at <= ?
    LEFT JOIN ledger.loads AS s ON s.load = v._superseded
    WHERE v._superseded IS NULL OR s.known_at > ?
)

SELECT s.* EXCLUDE (_superseded, _load)
FROM standing AS s
JOIN configured AS c ON c.id = s.{{ key }}
WHERE s.as_of <= ?
QUALIFY ROW_NUMBER() OVER (PARTITION BY s.{{ key }} ORDER BY s.as_of DESC, s._load DESC) = 1
ORDER BY c.position
