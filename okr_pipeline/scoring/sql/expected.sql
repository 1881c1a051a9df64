-- How much of the way is due by the end of every as-of day: straight between checkpoints, or by the metric's own weekly rhythm.
-- What lags shows `lag` days later. Cadences are not here: their complete intervals are what is expected. Key results that agreed
-- on the same pace share one (`pace_number`).
-- Reads: key_results, asked, checkpoints (pace_number, day, share; the period's eve is 0 and the due day 1 unless one says otherwise),
-- judged (may the rhythm's history be used?), metric.parts, days.
WITH paces AS (
    SELECT k.pace_number, k.pace, k.due, k.lag, k.period_first,
           MIN(a.first_as_of) AS first_as_of, MAX(a.last_as_of) AS last_as_of
    FROM key_results AS k
    JOIN asked AS a ON a.version = k.version AND a.role = 'score'
    GROUP BY k.pace_number, k.pace, k.due, k.lag, k.period_first
),

paced AS (
    SELECT k.pace_number, w.as_of, w.as_of - CAST(k.lag AS INTEGER) AS day, k.pace, k.due, k.period_first
    FROM paces AS k
    JOIN (SELECT day AS as_of FROM days) AS w ON w.as_of BETWEEN k.first_as_of AND k.last_as_of
),

stretches AS (
    SELECT pace_number, day AS from_day, share AS from_share,
           LEAD(day) OVER (PARTITION BY pace_number ORDER BY day) AS to_day,
           LEAD(share) OVER (PARTITION BY pace_number ORDER BY day) AS to_share
    FROM checkpoints
),

-- A weekday's share in the history before the period; none where a day is missing, or where the sum has no direction.
histories AS (
    SELECT DISTINCT k.pace_number, k.metric, w.first_day, w.last_day
    FROM key_results AS k
    JOIN judged AS w ON w.version = k.version AND w.role = 'rhythm' AND w.why_not IS NULL
),

by_weekday AS (
    SELECT k.pace_number, ISODOW(d.day) AS weekday, COALESCE(SUM(p.value), 0) AS value
    FROM histories AS k
    JOIN days AS d ON d.day BETWEEN k.first_day AND k.last_day
    LEFT JOIN metric.parts AS p ON p.metric = k.metric AND p.day = d.day AND p.counts_from <= k.last_day
    GROUP BY k.pace_number, ISODOW(d.day)
),

rhythms AS (
    SELECT pace_number, weekday, value
    FROM by_weekday
    QUALIFY MIN(value) OVER (PARTITION BY pace_number) >= 0 AND SUM(value) OVER (PARTITION BY pace_number) > 0
),

-- Where no day until the due day has a share, there is no rhythm to follow.
rhythmic AS (
    SELECT k.pace_number, d.day,
           SUM(r.value) OVER (PARTITION BY k.pace_number ORDER BY d.day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
           / SUM(r.value) OVER (PARTITION BY k.pace_number) AS share
    FROM paces AS k
    JOIN days AS d ON d.day BETWEEN k.period_first AND k.due
    JOIN rhythms AS r ON r.pace_number = k.pace_number AND r.weekday = ISODOW(d.day)
    QUALIFY SUM(r.value) OVER (PARTITION BY k.pace_number) > 0
)

SELECT a.pace_number, a.as_of,
    CASE WHEN a.pace = 'weekly rhythm' AND a.pace_number NOT IN (SELECT pace_number FROM rhythmic)
         THEN 'linear' ELSE a.pace END AS pace,
    CAST(CASE
        WHEN a.day < a.period_first AND a.pace <> 'constant' THEN 0
        WHEN a.pace = 'constant' OR a.day > a.due THEN 1
        WHEN r.share IS NOT NULL THEN r.share
        WHEN a.day = s.to_day THEN s.to_share -- exactly: what is next to nothing would be far exceeded by any score
        ELSE s.from_share + (s.to_share - s.from_share) * (a.day - s.from_day) / (s.to_day - s.from_day)
    END AS DOUBLE) AS expected
FROM paced AS a
LEFT JOIN stretches AS s ON s.pace_number = a.pace_number AND a.day > s.from_day AND a.day <= s.to_day
LEFT JOIN rhythmic AS r ON r.pace_number = a.pace_number AND r.day = a.day
