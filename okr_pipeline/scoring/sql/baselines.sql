-- Every measured baseline: those of before, and those that could be measured now.
SELECT baseline_id, value FROM scores.baselines
UNION ALL
SELECT baseline_id, value FROM new_baselines
