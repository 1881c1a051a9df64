-- Baselines that are measured, not written: once, from days that are over and final, and then kept whatever the source restates.
-- Reads: key_results, judged; scores.baselines, what was measured before.
SELECT k.key_result, k.baseline_id, j.first_day, j.last_day, j.value, j.parts
FROM key_results AS k
JOIN judged AS j ON j.version = k.version AND j.role = 'baseline' AND j.why_not IS NULL AND j.final
ANTI JOIN scores.baselines AS b ON b.baseline_id = k.baseline_id
QUALIFY ROW_NUMBER() OVER (PARTITION BY k.baseline_id ORDER BY k.version) = 1
