-- Of some tables, the newest pull in a span of loads that has to do with some days: it may have changed no row and yet say that a
-- day was empty, or that its numbers are final.
SELECT table_name AS "table", load, known_at, notes, 0 AS new, 0 AS changed, 0 AS gone, available_through, final_through
FROM ledger.loads
WHERE table_name IN (SELECT UNNEST($tables)) AND outcome = 'landed' AND load > $first AND load <= $last
    AND first_day <= $last_day AND last_day >= $first_day
QUALIFY load = MAX(load) OVER (PARTITION BY table_name)
ORDER BY load
