-- What a key result holds on the days without a new score: the last good one stays in place whole, marked as held.
-- Reads: doubtful (the key results that may have no score), last_good (from before the days that are scored again).
WITH past AS (
    SELECT *
    FROM (SELECT * FROM doubtful WHERE score IS NOT NULL UNION ALL BY NAME SELECT * FROM last_good)
    WHERE key_result IN (SELECT key_result FROM doubtful WHERE score IS NULL)
),

without AS (
    SELECT a.*, g.as_of AS good_day
    FROM doubtful AS a
    ASOF LEFT JOIN past AS g ON g.key_result = a.key_result AND g.as_of <= a.as_of
    WHERE a.score IS NULL
)

SELECT * EXCLUDE (good_day) FROM without WHERE good_day IS NULL
UNION ALL BY NAME
SELECT g.* EXCLUDE (as_of, objective, expected, pace, reason, held_from, final, last_data_day, alongside, weight),
       w.as_of, w.objective, w.expected, w.pace, w.reason, w.good_day AS held_from, FALSE AS final, w.last_data_day, w.alongside, w.weight
FROM without AS w
JOIN past AS g ON g.key_result = w.key_result AND g.as_of = w.good_day
