-- How much of the way is due by the end of every as-of day: straight between checkpoints, or by the metric's own weekly rhythm.
-- What lags shows `lag` days later. Cadences are not here: their complete intervals are what is expected.
-- Reads: key_results, checkpoints (version, day, share; the period's eve is 0 and the due day 1 unless one says otherwise),
-- judged (may the rhythm's history be used?), metric.parts, days.
WITH asked AS (
    SELECT w.version, w.as_of, w.as_of - CAST(k.lag AS INTEGER) AS day, k.pace, k.due, k.period_first
    FROM judged AS w
    JOIN key_results AS k ON k.version = w.version
    WHERE w.role = 'score'
),

stretches AS (
    SELECT version, day AS from_day, share AS from_share,
           LEAD(day) OVER (PARTITION BY version ORDER BY day) AS to_day,
           LEAD(share) OVER (PARTITION BY version ORDER BY day) AS to_share
    FROM checkpoints
),

-- A weekday's share in the history before the period; none where a day is missing, or where the sum has no direction.
by_weekday AS (
    SELECT k.version, ISODOW(d.day) AS weekday, COALESCE(SUM(p.value), 0) AS value
    FROM key_results AS k
    JOIN judged AS w ON w.version = k.version AND w.role = 'rhythm' AND w.why_not IS NULL
    JOIN days AS d ON d.day BETWEEN w.first_day AND w.last_day
    LEFT JOIN metric.parts AS p ON p.metric = k.metric AND p.day = d.day AND p.counts_from <= w.last_day
    GROUP BY k.version, ISODOW(d.day)
),

rhythms AS (
    SELECT version, weekday, value
    FROM by_weekday
    QUALIFY MIN(value) OVER (PARTITION BY version) >= 0 AND SUM(value) OVER (PARTITION BY version) > 0
),

rhythmic AS (
    SELECT k.version, d.day,
           SUM(r.value) OVER (PARTITION BY k.version ORDER BY d.day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
           / NULLIF(SUM(r.value) OVER (PARTITION BY k.version), 0) AS share
    FROM key_results AS k
    JOIN days AS d ON d.day BETWEEN k.period_first AND k.due
    JOIN rhythms AS r ON r.version = k.version AND r.weekday = ISODOW(d.day)
)

SELECT a.version, a.as_of,
    CASE WHEN a.pace = 'weekly rhythm' AND NOT EXISTS (SELECT 1 FROM rhythms AS r WHERE r.version = a.version)
         THEN 'linear' ELSE a.pace END AS pace,
    CAST(CASE
        WHEN a.day < a.period_first AND a.pace <> 'constant' THEN 0
        WHEN a.pace = 'constant' OR a.day > a.due THEN 1
        WHEN r.share IS NOT NULL THEN r.share
        WHEN a.day = s.to_day THEN s.to_share -- exactly: what is next to nothing would be far exceeded by any score
        ELSE s.from_share + (s.to_share - s.from_share) * (a.day - s.from_day) / (s.to_day - s.from_day)
    END AS DOUBLE) AS expected
FROM asked AS a
LEFT JOIN stretches AS s ON s.version = a.version AND a.day > s.from_day AND a.day <= s.to_day
LEFT JOIN rhythmic AS r ON r.version = a.version AND r.day = a.day
