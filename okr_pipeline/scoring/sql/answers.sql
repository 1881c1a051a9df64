-- Every key result on every as-of day, as its row in scores.key_results says it. Reads: outcomes, key_results.
SELECT k.key_result, k.objective, k.metric, k.unit, o.as_of, o.value, o.parts, o.intervals, o.steps,
    o.baseline, o.target, k.lower_bound, k.upper_bound, o.distance, o.progress, o.score, o.expected, o.pace, o.status, o.reason,
    CAST(NULL AS DATE) AS held_from, o.final, o.last_data_day, o.first_day, o.last_day, o.alongside, k.weight,
    k.configuration, k.is_manual AS manual
FROM outcomes AS o
JOIN key_results AS k ON k.version = o.version
