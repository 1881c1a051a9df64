-- When and from which days the baseline of a score was measured, by a load.
SELECT b.value, b.first_day, b.last_day, b.parts, l.known_at
FROM scores.baselines AS b
JOIN ledger.loads AS l ON l.load = b._load
WHERE b.key_result = ? AND b.value = ? AND b._load <= ?
ORDER BY b._load DESC
LIMIT 1
