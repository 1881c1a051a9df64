-- Each version of a key result that is scored again, with the way that its scores go: from which baseline to which target, by which
-- pace; and `no_way`, why it leads nowhere.
-- Without a written baseline, at_least starts from 0 and at_most from twice its bound. A measured baseline may not be there yet,
-- or lie where no way leads to the target. A cadence's way leads through its intervals, to as many as are planned.
-- Reads: key_results, asked, intervals, baselines, expected.
WITH planned AS (
    SELECT k.version, CEIL(COUNT(*) / k.every_count) AS planned
    FROM key_results AS k
    JOIN intervals AS i ON i.unit = k.window_unit AND i.middle_day BETWEEN k.period_first AND k.period_last
    WHERE k.window_kind = 'every'
    GROUP BY k.version, k.every_count
)

SELECT k.version, k.key_result, k.objective, k.metric, k.unit, k.lower_bound, k.upper_bound,
    CAST(CASE
        WHEN k.window_kind = 'every' OR k.kind = 'milestones' THEN 0
        WHEN k.kind <> 'between' THEN
            COALESCE(k.baseline, b.value, CASE k.kind WHEN 'at_least' THEN 0 WHEN 'at_most' THEN 2 * k.target END)
    END AS DOUBLE) AS baseline,
    CAST(CASE WHEN k.window_kind = 'every' THEN p.planned WHEN k.kind = 'milestones' THEN 1 ELSE k.target END AS DOUBLE) AS target,
    CASE WHEN k.window_kind = 'every' THEN 'complete intervals' ELSE e.pace END AS pace,
    k.weight, k.configuration, k.manual, k.passes_at, k.kind, k.period_last, k.pace_number,
    CASE
        WHEN k.baseline_id IS NULL THEN NULL
        WHEN b.value IS NULL THEN 'no_baseline'
        WHEN ROUND(k.target - b.value, 9) = 0 OR (k.kind = 'at_least' AND b.value > k.target)
            OR (k.kind = 'at_most' AND b.value < k.target) THEN 'baseline_past_target'
    END AS no_way
FROM key_results AS k
LEFT JOIN baselines AS b ON b.baseline_id = k.baseline_id
LEFT JOIN planned AS p ON p.version = k.version
LEFT JOIN (SELECT DISTINCT pace_number, pace FROM expected) AS e ON e.pace_number = k.pace_number
WHERE k.version IN (SELECT version FROM asked WHERE role IN ('score', 'interval') AND first_as_of <= last_as_of)
