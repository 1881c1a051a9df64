-- Every key result on every as-of day: value → progress → score, against what was expected → status; or the reason why not.
-- Progress is (value − baseline) ÷ (target − baseline), whatever the direction. Without a written baseline, at_least starts
-- from 0 and at_most from twice its bound, which makes the same formula 1 + (bound − value) ÷ bound.
-- Progress is rounded to 12 places and compared at 9, so that 0.1 + 0.2 reaches 0.3.
WITH measured AS (
    SELECT w.*, v.value, v.parts, v.loads, COALESCE(g.final, FALSE) AS final, g.last_data_day,
        COALESCE(w.reason, g.reason, CASE
            WHEN k.stale_after IS NOT NULL AND v.observed IS NOT NULL AND w.last_day - v.observed > k.stale_after THEN 'stale'
            WHEN NOT v.has_data THEN 'no_data_yet'
            WHEN v.value IS NULL THEN 'division_by_zero'
        END) AS why_not,
        -- An interval that was fetched and shows nothing was not kept; a bound that is met exactly counts as kept.
        COALESCE(CASE k.kind
            WHEN 'at_least' THEN ROUND(v.value - k.target, 9) >= 0
            WHEN 'at_most' THEN ROUND(v.value - k.target, 9) <= 0
            WHEN 'between' THEN ROUND(v.value - k.lower_bound, 9) >= 0 AND ROUND(v.value - k.upper_bound, 9) <= 0
        END, FALSE) AS kept
    FROM windows AS w
    JOIN key_results AS k ON k.key_result = w.key_result
    LEFT JOIN window_values AS v ON v.metric = w.metric AND v.as_of = w.as_of
        AND v.first_day = w.first_day AND v.last_day = w.last_day
    LEFT JOIN grounds AS g ON g.metric = w.metric AND g.as_of = w.as_of
        AND g.first_day = w.first_day AND g.last_day = w.last_day
),

single AS (
    SELECT key_result, as_of, CASE WHEN why_not IS NULL THEN value END AS value, parts, CAST(NULL AS VARCHAR) AS intervals, loads,
           final, last_data_day, first_day, CASE WHEN first_day IS NOT NULL THEN last_day END AS last_day, why_not AS reason,
           CAST(NULL AS DOUBLE) AS expected
    FROM measured
    WHERE role = 'score'
),

planned AS (
    SELECT k.key_result, CEIL(COUNT(*) / k.every_count) AS planned
    FROM key_results AS k
    JOIN intervals AS i ON i.unit = k.window_unit AND i.middle_day BETWEEN k.period_first AND k.period_last
    WHERE k.window_kind = 'every'
    GROUP BY k.key_result, k.every_count
),

-- A cadence: intervals kept ÷ intervals planned. An open interval counts once it is met; expected are the complete ones.
cadence AS (
    SELECT m.key_result, m.as_of,
        CASE WHEN BOOL_AND(m.why_not IS NULL OR m.why_not IN ('no_data_yet', 'division_by_zero'))
             THEN SUM(CASE WHEN m.kept THEN 1 ELSE 0 END) END AS value,
        CAST(TO_JSON({'kept': SUM(CASE WHEN m.kept THEN 1 ELSE 0 END), 'complete': SUM(CASE WHEN m.complete THEN 1 ELSE 0 END),
                      'planned': p.planned}) AS VARCHAR) AS parts,
        CAST(TO_JSON(LIST({'first': m.first_day, 'last': m.last_day, 'value': m.value, 'kept': m.kept, 'complete': m.complete}
                          ORDER BY m.number) FILTER (WHERE m.first_day IS NOT NULL)) AS VARCHAR) AS intervals,
        LIST_SORT(LIST_DISTINCT(FLATTEN(LIST(m.loads)))) AS loads,
        BOOL_AND(m.final) AS final, MIN(m.last_data_day) AS last_data_day,
        MIN(m.first_day) AS first_day, MAX(CASE WHEN m.first_day IS NOT NULL THEN m.last_day END) AS last_day,
        MIN(CASE WHEN m.why_not NOT IN ('no_data_yet', 'division_by_zero') THEN m.why_not END) AS reason,
        SUM(CASE WHEN m.complete THEN 1 ELSE 0 END) / p.planned AS expected,
        p.planned
    FROM measured AS m
    JOIN planned AS p ON p.key_result = m.key_result
    WHERE m.role = 'interval'
    GROUP BY m.key_result, m.as_of, p.planned
),

together AS (
    SELECT *, CAST(NULL AS DOUBLE) AS planned FROM single
    UNION ALL
    SELECT * FROM cadence
),

progressed AS (
    SELECT t.*, k.objective, k.metric, k.unit, k.type, k.period_last, k.weight, k.configuration,
        k.lower_bound, k.upper_bound,
        CASE WHEN k.window_kind = 'every' THEN 0 WHEN k.kind = 'between' THEN NULL
             ELSE COALESCE(k.baseline, CASE k.kind WHEN 'at_least' THEN 0 WHEN 'at_most' THEN 2 * k.target END) END AS from_value,
        CASE WHEN k.window_kind = 'every' THEN t.planned ELSE k.target END AS to_value,
        CASE WHEN k.kind = 'between' AND k.window_kind <> 'every' THEN
            CASE WHEN ROUND(k.lower_bound - t.value, 9) > 0 THEN k.lower_bound - t.value
                 WHEN ROUND(t.value - k.upper_bound, 9) > 0 THEN t.value - k.upper_bound
                 WHEN t.value IS NOT NULL THEN 0 END END AS distance,
        COALESCE(t.expected, CASE
            WHEN k.pace = 'constant' THEN 1
            WHEN t.as_of >= k.due THEN 1
            ELSE (t.as_of - k.period_first + 1) / (k.due - k.period_first + 1)
        END) AS expected_by_now
    FROM together AS t
    JOIN key_results AS k ON k.key_result = t.key_result
),

scored AS (
    SELECT *,
        CASE WHEN distance IS NOT NULL THEN CASE WHEN distance = 0 THEN 1.0 ELSE 0.0 END
             ELSE ROUND((value - from_value) / NULLIF(to_value - from_value, 0), 12) END AS progress
    FROM progressed
),

clamped AS (
    SELECT *, CASE WHEN progress < 0 THEN 0 WHEN progress > 1 THEN 1 ELSE progress END AS score FROM scored
),

rated AS (
    SELECT *,
        CASE
            WHEN score IS NULL THEN 'no_score'
            WHEN as_of >= period_last THEN
                CASE WHEN score >= CASE WHEN type = 'aspirational' THEN 0.7 ELSE 1.0 END THEN 'achieved' ELSE 'missed' END
            WHEN expected_by_now = 0 THEN 'not_started'
            WHEN ROUND(score / expected_by_now, 9) >= {{ on_track }} THEN 'on_track'
            WHEN ROUND(score / expected_by_now, 9) >= {{ at_risk }} THEN 'at_risk'
            ELSE 'off_track'
        END AS status,
        MAX(CASE WHEN score IS NOT NULL THEN as_of END)
            OVER (PARTITION BY key_result ORDER BY as_of ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS good_day
    FROM clamped
)

-- Where there is no new score, the last good one stays in place, marked as held.
SELECT r.key_result, r.objective, r.metric, r.unit, r.as_of,
    g.value, COALESCE(g.parts, r.parts) AS parts, COALESCE(g.intervals, r.intervals) AS intervals,
    CAST(r.from_value AS DOUBLE) AS baseline, CAST(r.to_value AS DOUBLE) AS target,
    CAST(r.lower_bound AS DOUBLE) AS lower_bound, CAST(r.upper_bound AS DOUBLE) AS upper_bound,
    CAST(g.distance AS DOUBLE) AS distance,
    CAST(g.progress AS DOUBLE) AS progress, CAST(g.score AS DOUBLE) AS score, CAST(r.expected_by_now AS DOUBLE) AS expected,
    COALESCE(g.status, r.status) AS status,
    r.reason,
    CASE WHEN r.score IS NULL THEN r.good_day END AS held_from,
    r.score IS NOT NULL AND r.final AS final,
    r.last_data_day,
    COALESCE(g.first_day, r.first_day) AS first_day, COALESCE(g.last_day, r.last_day) AS last_day,
    CASE WHEN b.why_not IS NULL THEN b.value END AS alongside,
    CAST(r.weight AS DOUBLE) AS weight,
    LIST_FILTER(COALESCE(g.loads, r.loads, []), lambda l: l IS NOT NULL) AS loads,
    r.configuration
FROM rated AS r
LEFT JOIN rated AS g ON g.key_result = r.key_result AND g.as_of = r.good_day
LEFT JOIN measured AS b ON b.key_result = r.key_result AND b.as_of = r.as_of AND b.role = 'alongside'
