-- Every configuration that was scored with, with the newest scoring that used it by an instant; newest first.
WITH scorings AS (
    SELECT load, known_at, JSON_EXTRACT_STRING(notes, '$.configuration') AS configuration,
           JSON_EXTRACT_STRING(notes, '$.method') AS method
    FROM ledger.loads
    WHERE table_name = 'scores.key_results' AND (known_at <= ? OR CAST(? AS TIMESTAMP) IS NULL)
)

SELECT s.load, s.known_at, s.configuration, s.method, c.document
FROM scorings AS s
JOIN ledger.configurations AS c ON c.hash = s.configuration
QUALIFY s.load = MAX(s.load) OVER (PARTITION BY s.configuration)
ORDER BY s.load DESC
