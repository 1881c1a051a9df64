-- Every key result on every as-of day: value → progress → score, against what was expected → status; or the reason why not.
-- Progress is (value − baseline) ÷ (target − baseline), whatever the direction. From twice its bound on, where at_most starts
-- without a written baseline, that makes 1 + (bound − value) ÷ bound.
-- Progress is rounded to 12 places and compared at 9, so that 0.1 + 0.2 reaches 0.3.
-- Only what differs from day to day is here; answers.sql puts beside it what the key result says of itself.
-- Reads: judged, key_results (the bounds of an interval), agreed, expected, milestones.
--
-- Steps: the weight of those that the rows name by the as-of day ÷ the weight of all.
WITH stepped AS (
    SELECT m.version, m.as_of, s.position, s.step, s.weight, s.due, MIN(p.day) AS done_on
    FROM judged AS m
    JOIN milestones AS s ON s.version = m.version
    JOIN key_results AS k ON k.version = m.version
    LEFT JOIN metric.parts AS p ON p.metric = k.metric AND p.item = s.step
        AND p.day BETWEEN m.first_day AND m.last_day AND p.counts_from <= m.as_of
    WHERE m.role = 'score'
    GROUP BY m.version, m.as_of, s.position, s.step, s.weight, s.due
),

steps AS (
    SELECT version, as_of,
        SUM(CASE WHEN done_on IS NOT NULL THEN weight ELSE 0 END) / SUM(weight) AS value,
        CAST(TO_JSON({'done': SUM(CASE WHEN done_on IS NOT NULL THEN weight ELSE 0 END), 'planned': SUM(weight)}) AS VARCHAR) AS parts,
        CAST(TO_JSON(LIST({'step': step, 'weight': weight, 'due': due, 'done_on': done_on} ORDER BY position)) AS VARCHAR) AS steps
    FROM stepped
    GROUP BY version, as_of
),

single AS (
    SELECT m.version, m.as_of, CASE WHEN m.why_not IS NULL THEN COALESCE(s.value, m.value) END AS value,
           COALESCE(s.parts, m.parts) AS parts, s.steps, m.final, m.last_data_day, m.first_day, m.last_day, m.why_not AS reason
    FROM judged AS m
    LEFT JOIN steps AS s ON s.version = m.version AND s.as_of = m.as_of
    WHERE m.role = 'score'
),

-- An interval that was fetched and shows nothing was not kept; a bound that is met exactly counts as kept. What is to come down
-- to a target, stay below a bound, or between two, is known only when the interval is over.
intervals_judged AS (
    SELECT m.*, k.manual,
        COALESCE(CASE k.kind
            WHEN 'reach' THEN CASE WHEN k.target > k.baseline THEN ROUND(m.value - k.target, 9) >= 0
                                   ELSE m.complete AND ROUND(k.target - m.value, 9) >= 0 END
            WHEN 'at_least' THEN ROUND(m.value - k.target, 9) >= 0
            WHEN 'at_most' THEN m.complete AND ROUND(m.value - k.target, 9) <= 0
            WHEN 'between' THEN
                m.complete AND ROUND(m.value - k.lower_bound, 9) >= 0 AND ROUND(m.value - k.upper_bound, 9) <= 0
        END, FALSE) AS kept
    FROM judged AS m
    JOIN key_results AS k ON k.version = m.version
    WHERE m.role = 'interval'
),

-- A cadence: intervals kept ÷ intervals planned. An open interval counts once it is met; expected are the complete ones. Until
-- anybody has said anything of what people say, nothing is known to be missed.
cadence AS (
    SELECT m.version, m.as_of,
        SUM(CASE WHEN m.kept THEN 1 ELSE 0 END) AS value,
        CAST(TO_JSON({'kept': SUM(CASE WHEN m.kept THEN 1 ELSE 0 END), 'complete': SUM(CASE WHEN m.complete THEN 1 ELSE 0 END),
                      'planned': a.target}) AS VARCHAR) AS parts,
        CAST(TO_JSON(LIST({'first': m.first_day, 'last': m.last_day, 'value': m.value, 'kept': m.kept, 'complete': m.complete}
                          ORDER BY m.number) FILTER (WHERE m.first_day IS NOT NULL)) AS VARCHAR) AS intervals,
        BOOL_AND(m.final) AS final, MAX(m.last_data_day) AS last_data_day,
        MIN(m.first_day) AS first_day, MAX(m.last_day) AS last_day,
        COALESCE(MIN(CASE WHEN m.why_not NOT IN ('no_data_yet', 'division_by_zero') THEN m.why_not END),
                 CASE WHEN m.manual AND BOOL_AND(m.why_not IS NOT DISTINCT FROM 'no_data_yet') THEN 'no_data_yet' END) AS reason,
        SUM(CASE WHEN m.complete THEN 1 ELSE 0 END) / a.target AS expected
    FROM intervals_judged AS m
    JOIN agreed AS a ON a.version = m.version
    GROUP BY m.version, m.as_of, a.target, m.manual
),

together AS (
    SELECT *, FALSE AS is_cadence FROM single
    UNION ALL BY NAME
    SELECT *, TRUE AS is_cadence FROM cadence
),

ways AS (
    SELECT t.* EXCLUDE (value, reason, expected), a.passes_at, a.kind, a.period_last, a.lower_bound, a.upper_bound, a.baseline, a.target,
           COALESCE(t.reason, a.no_way) AS reason, t.value AS measured_value,
           CASE WHEN t.is_cadence THEN t.expected ELSE e.expected END AS expected
    FROM together AS t
    JOIN agreed AS a ON a.version = t.version
    LEFT JOIN expected AS e ON e.pace_number = a.pace_number AND e.as_of = t.as_of
),

progressed AS (
    SELECT *, CASE WHEN reason IS NULL THEN measured_value END AS value,
        CASE WHEN kind = 'between' AND NOT is_cadence THEN
            CASE WHEN ROUND(lower_bound - measured_value, 9) > 0 THEN lower_bound - measured_value
                 WHEN ROUND(measured_value - upper_bound, 9) > 0 THEN measured_value - upper_bound
                 WHEN measured_value IS NOT NULL THEN 0 END END AS distance
    FROM ways
),

scored AS (
    SELECT *,
        CASE WHEN distance IS NOT NULL THEN CASE WHEN distance = 0 THEN 1.0 ELSE 0.0 END
             ELSE ROUND((value - baseline) / NULLIF(target - baseline, 0), 12) END AS progress
    FROM progressed
),

clamped AS (
    SELECT *, CASE WHEN progress < 0 THEN 0 WHEN progress > 1 THEN 1 ELSE progress END AS score FROM scored
),

rated AS (
    SELECT *, {{ status }} AS status FROM clamped
)

SELECT r.version, r.as_of, r.value, r.parts, r.intervals, r.steps,
    CAST(r.distance AS DOUBLE) AS distance, CAST(r.progress AS DOUBLE) AS progress, CAST(r.score AS DOUBLE) AS score,
    CAST(r.expected AS DOUBLE) AS expected, r.status, r.reason,
    r.score IS NOT NULL AND r.final AS final, r.last_data_day, r.first_day, r.last_day,
    CASE WHEN b.why_not IS NULL THEN b.value END AS alongside
FROM rated AS r
LEFT JOIN judged AS b ON b.version = r.version AND b.as_of = r.as_of AND b.role = 'alongside'
