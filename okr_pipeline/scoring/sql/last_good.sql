-- The last new score of each key result before the days that are scored again: what they hold until there is a new one.
SELECT s.* EXCLUDE (_load)
FROM scores.key_results AS s
JOIN (SELECT DISTINCT key_result, since FROM rescored) AS r ON r.key_result = s.key_result AND s.as_of < r.since
JOIN (SELECT key_result, MIN(period_first) AS first_day FROM key_results GROUP BY key_result) AS k
    ON k.key_result = s.key_result AND s.as_of >= k.first_day
WHERE s.score IS NOT NULL AND s.held_from IS NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY s.key_result ORDER BY s.as_of DESC) = 1
