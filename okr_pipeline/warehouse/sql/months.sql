-- What metric.parts has of each month: the sum, the last day that was seen, and the last day on which there was a value.
SELECT metric, part, CAST(DATE_TRUNC('month', day) AS DATE) AS month_first, SUM(value) AS value,
       MAX(day) AS seen, MAX(CASE WHEN value IS NOT NULL THEN day END) AS valued
FROM metric.parts
WHERE {{ which }}
GROUP BY metric, part, month_first
