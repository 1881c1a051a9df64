-- When and from which days a baseline was measured, by a load.
SELECT b.value, b.first_day, b.last_day, b.parts, l.known_at
FROM scores.baselines AS b
JOIN ledger.loads AS l ON l.load = b._load
WHERE b.baseline_id = ? AND b._load <= ?
