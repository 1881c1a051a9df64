-- Which days count, for every key result on every as-of day of its period so far. One row each; for a cadence one row for
-- each interval that has begun. `first_day` is NULL where there is no window yet, and `reason` says why.
-- Reads: key_results (the configuration), intervals (calendar units, with the number of the one a day lies in).
WITH as_of_days AS (
    SELECT k.key_result, d.day AS as_of
    FROM key_results AS k
    JOIN days AS d ON d.day BETWEEN k.period_first AND k.period_last AND d.day <= DATE '{{ through }}'
),

-- The window that is scored, and the one that is only shown beside it.
asked AS (
    SELECT k.key_result, a.as_of, 'score' AS role, k.window_kind AS kind, k.window_unit AS unit, k.window_days AS days
    FROM key_results AS k
    JOIN as_of_days AS a ON a.key_result = k.key_result
    WHERE k.window_kind <> 'every'
    UNION ALL
    SELECT k.key_result, a.as_of, 'alongside' AS role, k.alongside_kind AS kind, k.alongside_unit AS unit,
           k.alongside_days AS days
    FROM key_results AS k
    JOIN as_of_days AS a ON a.key_result = k.key_result
    WHERE k.alongside_kind IS NOT NULL
),

-- The last complete unit that belongs to the period: an interval belongs to the period that its middle day lies in.
last_complete AS (
    SELECT a.key_result, a.as_of, a.role, MAX(i.first_day) AS first_day, MAX(i.last_day) AS last_day
    FROM asked AS a
    JOIN key_results AS k ON k.key_result = a.key_result
    JOIN intervals AS i ON i.unit = a.unit AND i.middle_day BETWEEN k.period_first AND k.period_last
        AND i.last_day <= a.as_of
    WHERE a.kind = 'last'
    GROUP BY a.key_result, a.as_of, a.role
),

-- To-date windows of week, month and quarter begin with the unit that the as-of day lies in.
single AS (
    SELECT k.key_result, k.metric, a.as_of, a.role, NULL AS number, TRUE AS complete,
        CASE a.kind
            WHEN 'last' THEN l.first_day
            WHEN 'trailing' THEN a.as_of - CAST(a.days - 1 AS INTEGER)
            WHEN 'during' THEN CASE WHEN a.as_of >= k.during_first THEN k.during_first END
            ELSE CASE WHEN a.unit = 'period' THEN k.period_first ELSE i.first_day END
        END AS first_day,
        CASE a.kind
            WHEN 'last' THEN l.last_day
            WHEN 'during' THEN CASE WHEN a.as_of > k.during_last THEN k.during_last ELSE a.as_of END
            ELSE a.as_of
        END AS last_day,
        CASE
            WHEN a.kind = 'last' AND l.first_day IS NULL THEN 'no_complete_interval'
            WHEN a.kind = 'during' AND a.as_of < k.during_first THEN 'not_begun'
        END AS reason
    FROM asked AS a
    JOIN key_results AS k ON k.key_result = a.key_result
    LEFT JOIN last_complete AS l ON l.key_result = a.key_result AND l.as_of = a.as_of AND l.role = a.role
    LEFT JOIN intervals AS i ON i.unit = a.unit AND a.as_of BETWEEN i.first_day AND i.last_day
),

-- A cadence's intervals: `every_count` units each, counted from the period's first.
numbered AS (
    SELECT k.key_result, i.first_day, i.last_day,
           (ROW_NUMBER() OVER (PARTITION BY k.key_result ORDER BY i.first_day) - 1) // k.every_count AS number
    FROM key_results AS k
    JOIN intervals AS i ON i.unit = k.window_unit AND i.middle_day BETWEEN k.period_first AND k.period_last
    WHERE k.window_kind = 'every'
),

cadences AS (
    SELECT key_result, number, MIN(first_day) AS first_day, MAX(last_day) AS last_day
    FROM numbered
    GROUP BY key_result, number
),

every_interval AS (
    SELECT k.key_result, k.metric, a.as_of, 'interval' AS role, c.number, c.last_day <= a.as_of AS complete,
           c.first_day, CASE WHEN c.last_day < a.as_of THEN c.last_day ELSE a.as_of END AS last_day,
           CASE WHEN c.first_day IS NULL THEN 'not_begun' END AS reason
    FROM as_of_days AS a
    JOIN key_results AS k ON k.key_result = a.key_result AND k.window_kind = 'every'
    LEFT JOIN cadences AS c ON c.key_result = k.key_result AND c.first_day <= a.as_of
)

SELECT * FROM single
UNION ALL
SELECT * FROM every_interval
