-- The last new score before the days that are scored again of each key result that has none on one of them: what it holds.
WITH newest AS (
    SELECT s.key_result, MAX(s.as_of) AS as_of
    FROM scores.key_results AS s
    JOIN (SELECT DISTINCT key_result, since FROM rescored) AS r ON r.key_result = s.key_result AND s.as_of < r.since
    JOIN (SELECT key_result, MIN(period_first) AS first_day FROM key_results GROUP BY key_result) AS k
        ON k.key_result = s.key_result AND s.as_of >= k.first_day
    WHERE s.score IS NOT NULL AND s.held_from IS NULL AND s.key_result IN (SELECT key_result FROM doubtful WHERE score IS NULL)
    GROUP BY s.key_result
)

SELECT s.* EXCLUDE (_load)
FROM scores.key_results AS s
JOIN newest AS n ON n.key_result = s.key_result AND n.as_of = s.as_of
