-- Which days count, in every span on every as-of day. One row each; for a cadence one row for each interval that has begun.
-- `first_day` and `last_day` are NULL where there is no window yet, and `reason` says why.
-- Reads: asked (the spans), calendar (the units that a day lies in), intervals (the whole units).
WITH spans AS (
    SELECT span, kind, unit, days, every_count, period_first, period_last, during_first, during_last,
           MIN(first_as_of) AS first_as_of, MAX(last_as_of) AS last_as_of
    FROM asked
    GROUP BY ALL
),

as_of_days AS (
    SELECT *, CAST(UNNEST(GENERATE_SERIES(first_as_of, last_as_of, INTERVAL 1 DAY)) AS DATE) AS as_of
    FROM spans
),

-- The last complete unit that belongs to the period: an interval belongs to the period that its middle day lies in.
with_units AS (
    SELECT a.*, CAST(NULL AS DATE) AS unit_first, CAST(NULL AS DATE) AS unit_last
    FROM as_of_days AS a
    WHERE a.kind NOT IN ('last', 'every')
    UNION ALL
    SELECT a.*, MAX(i.first_day) AS unit_first, MAX(i.last_day) AS unit_last
    FROM as_of_days AS a
    LEFT JOIN intervals AS i ON i.unit = a.unit AND i.middle_day BETWEEN a.period_first AND a.period_last
        AND i.last_day <= a.as_of
    WHERE a.kind = 'last'
    GROUP BY ALL
),

-- To-date windows of week, month and quarter begin with the unit that the as-of day lies in.
single AS (
    SELECT a.span, a.as_of, NULL AS number, TRUE AS complete,
        CASE a.kind
            WHEN 'last' THEN a.unit_first
            WHEN 'trailing' THEN a.as_of - CAST(a.days - 1 AS INTEGER)
            WHEN 'during' THEN CASE WHEN a.as_of >= a.during_first THEN a.during_first END
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
            WHEN 'during' THEN CASE WHEN a.as_of > a.during_last THEN a.during_last ELSE a.as_of END
            ELSE a.as_of
        END AS last_day,
        CASE
            WHEN a.kind = 'last' AND a.unit_first IS NULL THEN 'no_complete_interval'
            WHEN a.kind = 'during' AND a.as_of < a.during_first THEN 'not_begun'
        END AS reason
    FROM with_units AS a
    JOIN calendar AS c ON c.day = a.as_of
),

-- A cadence's intervals: `every_count` units each, counted from the period's first.
numbered AS (
    SELECT k.span, k.period_last, i.first_day, i.last_day,
           (ROW_NUMBER() OVER (PARTITION BY k.span ORDER BY i.first_day) - 1) // k.every_count AS number
    FROM spans AS k
    JOIN intervals AS i ON i.unit = k.unit AND i.middle_day BETWEEN k.period_first AND k.period_last
    WHERE k.kind = 'every'
),

-- The period's end closes the last interval, though its calendar unit may run on: after it no score is made.
cadences AS (
    SELECT span, number, MIN(first_day) AS first_day,
           CASE WHEN MAX(last_day) > period_last THEN period_last ELSE MAX(last_day) END AS last_day
    FROM numbered
    GROUP BY span, number, period_last
),

every_interval AS (
    SELECT a.span, a.as_of, c.number, c.last_day <= a.as_of AS complete,
           c.first_day, CASE WHEN c.last_day < a.as_of THEN c.last_day ELSE a.as_of END AS last_day,
           CASE WHEN c.first_day IS NULL THEN 'not_begun' END AS reason
    FROM as_of_days AS a
    LEFT JOIN cadences AS c ON c.span = a.span AND c.first_day <= a.as_of
    WHERE a.kind = 'every'
)

SELECT * REPLACE (CASE WHEN first_day IS NOT NULL THEN last_day END AS last_day)
FROM (SELECT * FROM single UNION ALL SELECT * FROM every_interval)
