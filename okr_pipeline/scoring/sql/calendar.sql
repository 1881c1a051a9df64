-- One row a day. All date arithmetic that an engine might do its own way stands here, once.
WITH days AS (
    SELECT CAST(UNNEST(GENERATE_SERIES(DATE '{{ first }}', DATE '{{ last }}', INTERVAL 1 DAY)) AS DATE) AS day
)
SELECT day,
       day - CAST((ISODOW(day) - 1 - {{ weekday }} + 7) % 7 AS INTEGER) AS week_first,
       CAST(DATE_TRUNC('month', day) AS DATE) AS month_first,
       CAST(DATE_TRUNC('quarter', day) AS DATE) AS quarter_first
FROM days
