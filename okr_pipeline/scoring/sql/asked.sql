-- Which windows each version of a key result is measured over. Those who agreed on the same window share one (`span`), so that its
-- days are worked out once; each holds on the as-of days from `first_as_of` to `last_as_of`.
-- Other roles are measured beside the score: `alongside` is shown, `baseline` and `rhythm` look at days before the period.
-- Reads: key_results (the configuration), rescored (from which day on).
WITH asked AS (
    SELECT k.version, CASE WHEN k.window_kind = 'every' THEN 'interval' ELSE 'score' END AS role, k.window_kind AS kind,
           k.window_unit AS unit, k.window_days AS days, k.period_first, k.period_last,
           GREATEST(k.applies_from, r.since) AS first_as_of, k.applies_to AS last_as_of
    FROM key_results AS k
    JOIN rescored AS r ON r.version = k.version
    UNION ALL
    SELECT k.version, 'alongside' AS role, k.alongside_kind AS kind, k.alongside_unit AS unit, k.alongside_days AS days,
           k.period_first, k.period_last, GREATEST(k.applies_from, r.since) AS first_as_of, k.applies_to AS last_as_of
    FROM key_results AS k
    JOIN rescored AS r ON r.version = k.version
    WHERE k.alongside_kind IS NOT NULL
    UNION ALL
    SELECT version, 'baseline' AS role, window_kind AS kind, window_unit AS unit, window_days AS days,
           baseline_first AS period_first, baseline_last AS period_last,
           baseline_last AS first_as_of, baseline_last AS last_as_of
    FROM key_results
    WHERE baseline_last IS NOT NULL
    UNION ALL
    SELECT version, 'rhythm' AS role, 'to_date' AS kind, 'period' AS unit, NULL AS days,
           rhythm_first AS period_first, rhythm_last AS period_last,
           rhythm_last AS first_as_of, rhythm_last AS last_as_of
    FROM key_results
    WHERE rhythm_last IS NOT NULL
)

SELECT a.* REPLACE (CASE WHEN a.last_as_of > DATE '{{ through }}' AND a.role NOT IN ('baseline', 'rhythm')
                         THEN DATE '{{ through }}' ELSE a.last_as_of END AS last_as_of),
    k.metric_number, k.sources, k.every_count, k.during_first, k.during_last,
    DENSE_RANK() OVER (
        ORDER BY a.kind, a.unit, a.days, a.period_first, a.period_last, k.every_count, k.during_first, k.during_last
    ) AS span
FROM asked AS a
JOIN key_results AS k ON k.version = a.version
