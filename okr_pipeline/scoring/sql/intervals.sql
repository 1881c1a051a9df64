-- Every whole day, week, month and quarter of the calendar, with its middle day: an interval belongs to the period that its
-- middle day lies in, which is the period that most of its days fall in (as ISO weeks belong to years by their Thursday).
WITH marked AS (
    SELECT 'day' AS unit, day AS first_day, day FROM calendar
    UNION ALL
    SELECT 'week' AS unit, week_first AS first_day, day FROM calendar
    UNION ALL
    SELECT 'month' AS unit, month_first AS first_day, day FROM calendar
    UNION ALL
    SELECT 'quarter' AS unit, quarter_first AS first_day, day FROM calendar
)
SELECT unit, first_day, MAX(day) AS last_day, first_day + CAST((MAX(day) - first_day + 1) // 2 AS INTEGER) AS middle_day
FROM marked
GROUP BY unit, first_day
HAVING MIN(day) = first_day
