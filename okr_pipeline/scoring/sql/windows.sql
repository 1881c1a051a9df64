-- Which days count, for every version of a key result on every as-of day that it holds for. One row each; for a cadence one row
-- for each interval that has begun. `first_day` and `last_day` are NULL where there is no window yet, and `reason` says why.
-- Other roles are measured beside the score: `alongside` is shown, `baseline` and `rhythm` look at days before the period.
-- Reads: key_results (the configuration), rescored (from which day on), calendar (the units that a day lies in), intervals (the whole units).
WITH as_of_days AS (
    SELECT k.version, CAST(UNNEST(GENERATE_SERIES(
        GREATEST(k.applies_from, r.since), LEAST(k.applies_to, DATE '{{ through }}'), INTERVAL 1 DAY
    )) AS DATE) AS as_of
    FROM key_results AS k
    JOIN rescored AS r ON r.version = k.version
),

asked AS (
    SELECT k.version, a.as_of, 'score' AS role, k.window_kind AS kind, k.window_unit AS unit, k.window_days AS days,
           k.period_first, k.period_last
    FROM key_results AS k
    JOIN as_of_days AS a ON a.version = k.version
    WHERE k.window_kind <> 'every'
    UNION ALL
    SELECT k.version, a.as_of, 'alongside' AS role, k.alongside_kind AS kind, k.alongside_unit AS unit,
           k.alongside_days AS days, k.period_first, k.period_last
    FROM key_results AS k
    JOIN as_of_days AS a ON a.version = k.version
    WHERE k.alongside_kind IS NOT NULL
    UNION ALL
    SELECT version, baseline_last AS as_of, 'baseline' AS role, window_kind AS kind, window_unit AS unit, window_days AS days,
           baseline_first AS period_first, baseline_last AS period_last
    FROM key_results
    WHERE baseline_last IS NOT NULL
    UNION ALL
    SELECT version, rhythm_last AS as_of, 'rhythm' AS role, 'to_date' AS kind, 'period' AS unit, NULL AS days,
           rhythm_first AS period_first, rhythm_last AS period_last
    FROM key_results
    WHERE rhythm_last IS NOT NULL
),

-- The last complete unit that belongs to the period: an interval belongs to the period that its middle day lies in.
with_units AS (
    SELECT a.*, CAST(NULL AS DATE) AS unit_first, CAST(NULL AS DATE) AS unit_last
    FROM asked AS a
    WHERE a.kind <> 'last'
    UNION ALL
    SELECT a.*, MAX(i.first_day) AS unit_first, MAX(i.last_day) AS unit_last
    FROM asked AS a
    LEFT JOIN intervals AS i ON i.unit = a.unit AND i.middle_day BETWEEN a.period_first AND a.period_last
        AND i.last_day <= a.as_of
    WHERE a.kind = 'last'
    GROUP BY ALL
),

-- To-date windows of week, month and quarter begin with the unit that the as-of day lies in.
single AS (
    SELECT k.version, k.metric_number, a.as_of, a.role, NULL AS number, TRUE AS complete,
        CASE a.kind
            WHEN 'last' THEN a.unit_first
            WHEN 'trailing' THEN a.as_of - CAST(a.days - 1 AS INTEGER)
            WHEN 'during' THEN CASE WHEN a.as_of >= k.during_first THEN k.during_first END
            ELSE CASE a.unit
                WHEN 'period' THEN a.period_first
                WHEN 'week' THEN c.week_first
                WHEN 'month' THEN c.month_first
                WHEN 'quarter' THEN c.quarter_first
                ELSE a.as_of
            END
        END AS first_day,
        CASE a.kind
            WHEN 'last' THEN a.unit_last
            WHEN 'during' THEN CASE WHEN a.as_of > k.during_last THEN k.during_last ELSE a.as_of END
            ELSE a.as_of
        END AS last_day,
        CASE
            WHEN a.kind = 'last' AND a.unit_first IS NULL THEN 'no_complete_interval'
            WHEN a.kind = 'during' AND a.as_of < k.during_first THEN 'not_begun'
        END AS reason
    FROM with_units AS a
    JOIN key_results AS k ON k.version = a.version
    JOIN calendar AS c ON c.day = a.as_of
),

-- A cadence's intervals: `every_count` units each, counted from the period's first.
numbered AS (
    SELECT k.version, k.period_last, i.first_day, i.last_day,
           (ROW_NUMBER() OVER (PARTITION BY k.version ORDER BY i.first_day) - 1) // k.every_count AS number
    FROM key_results AS k
    JOIN intervals AS i ON i.unit = k.window_unit AND i.middle_day BETWEEN k.period_first AND k.period_last
    WHERE k.window_kind = 'every'
),

-- The period's end closes the last interval, though its calendar unit may run on: after it no score is made.
cadences AS (
    SELECT version, number, MIN(first_day) AS first_day,
           CASE WHEN MAX(last_day) > period_last THEN period_last ELSE MAX(last_day) END AS last_day
    FROM numbered
    GROUP BY version, number, period_last
),

every_interval AS (
    SELECT k.version, k.metric_number, a.as_of, 'interval' AS role, c.number, c.last_day <= a.as_of AS complete,
           c.first_day, CASE WHEN c.last_day < a.as_of THEN c.last_day ELSE a.as_of END AS last_day,
           CASE WHEN c.first_day IS NULL THEN 'not_begun' END AS reason
    FROM as_of_days AS a
    JOIN key_results AS k ON k.version = a.version AND k.window_kind = 'every'
    LEFT JOIN cadences AS c ON c.version = k.version AND c.first_day <= a.as_of
)

SELECT * REPLACE (CASE WHEN first_day IS NOT NULL THEN last_day END AS last_day)
FROM (SELECT * FROM single UNION ALL SELECT * FROM every_interval)
