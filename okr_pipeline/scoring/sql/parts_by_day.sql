-- The rows of metric.parts that a score rests on, by day: all days of the window for flows, each item's last day for levels.
-- Parameters: metric, level parts, last day, as-of day, first day.
WITH counted AS (
    SELECT *, LIST_CONTAINS($levels, part) AS is_level
    FROM metric.parts
    WHERE metric = $metric AND day <= $last_day AND counts_from <= $as_of
),

used AS (
    SELECT *
    FROM counted
    WHERE is_level OR day >= $first_day
    QUALIFY NOT is_level OR day = MAX(day) OVER (PARTITION BY part, item)
)

SELECT day, part, CAST(SUM(value) AS DOUBLE) AS value, COUNT(DISTINCT item) AS items, CAST(SUM(row_count) AS BIGINT) AS row_count
FROM used
GROUP BY day, part
ORDER BY day, part
