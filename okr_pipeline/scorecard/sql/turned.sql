-- Since which day each key result has had the status that it has as of a day.
SELECT key_result, MAX(as_of) AS since
FROM (
    SELECT key_result, as_of, status IS DISTINCT FROM LAG(status) OVER (PARTITION BY key_result ORDER BY as_of) AS turns
    FROM scores.key_results
    WHERE as_of <= $as_of
)
WHERE turns
GROUP BY key_result
