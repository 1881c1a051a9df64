-- Of some tables, those whose newest attempt by a load had failed, and why.
SELECT table_name, outcome AS reason, message, load, known_at
FROM ledger.loads
WHERE table_name IN (SELECT UNNEST(?)) AND load <= ?
QUALIFY load = MAX(load) OVER (PARTITION BY table_name) AND outcome <> 'landed'
ORDER BY table_name
