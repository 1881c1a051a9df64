-- ledger.trouble as it was known at an instant (NULL: now): the tables whose newest attempt by then failed.
SELECT table_name, outcome, message
FROM ledger.loads
WHERE known_at <= ? OR CAST(? AS TIMESTAMP) IS NULL
QUALIFY load = MAX(load) OVER (PARTITION BY table_name) AND outcome <> 'landed'
ORDER BY table_name
