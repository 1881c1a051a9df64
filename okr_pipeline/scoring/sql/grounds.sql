-- Whether each window may be scored at all: is every day of it fetched, delivered in time, and final?
-- What it rests on decides it, so metrics of the same tables (`sources`) share an answer.
-- Reads: asked, windows, source_tables (sources, table_name, delay, is_level), days, ledger.coverage, ledger.trouble.
WITH rested AS (
    SELECT DISTINCT a.sources, w.as_of, w.first_day, w.last_day
    FROM (SELECT DISTINCT sources, span FROM asked) AS a
    JOIN windows AS w ON w.span = a.span AND w.first_day IS NOT NULL
),

-- Running counts turn "how many days of this window" into one subtraction.
known AS (
    SELECT t.table_name, d.day,
        SUM(CASE WHEN c.state NOT IN ('failed', 'never_fetched') THEN 1 ELSE 0 END) OVER upto AS fetched,
        SUM(CASE WHEN c.final THEN 1 ELSE 0 END) OVER upto AS final,
        MAX(CASE WHEN c.available THEN d.day END) OVER upto AS available_through
    FROM (SELECT DISTINCT table_name FROM source_tables) AS t
    CROSS JOIN days AS d
    LEFT JOIN ledger.coverage AS c ON c.table_name = t.table_name AND c.day = d.day
    WINDOW upto AS (PARTITION BY t.table_name ORDER BY d.day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),

-- A level rests on its last day only, a flow on all days.
needed AS (
    SELECT a.sources, a.as_of, a.first_day, a.last_day, t.table_name, t.delay,
           CASE WHEN t.is_level THEN a.last_day ELSE a.first_day END AS needs_from
    FROM rested AS a
    JOIN source_tables AS t ON t.sources = a.sources
),

judged AS (
    SELECT n.sources, n.as_of, n.first_day, n.last_day,
        CASE
            WHEN z.fetched - b.fetched < n.last_day - n.needs_from + 1 THEN COALESCE(x.outcome, 'not_fetched')
            WHEN z.available_through IS NULL OR n.last_day - z.available_through > n.delay THEN 'stale'
        END AS reason,
        z.final - b.final = n.last_day - n.needs_from + 1 AS final,
        o.available_through AS delivered_through
    FROM needed AS n
    JOIN known AS z ON z.table_name = n.table_name AND z.day = n.last_day
    JOIN known AS b ON b.table_name = n.table_name AND b.day = n.needs_from - 1
    JOIN known AS o ON o.table_name = n.table_name AND o.day = n.as_of
    LEFT JOIN ledger.trouble AS x ON x.table_name = n.table_name
)

SELECT sources, as_of, first_day, last_day,
       MIN(reason) AS reason,
       BOOL_AND(final) AS final,
       MIN(delivered_through) AS last_data_day
FROM judged
GROUP BY sources, as_of, first_day, last_day
