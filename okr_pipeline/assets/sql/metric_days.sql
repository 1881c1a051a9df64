-- Each metric on each day by itself (a level: as of that day), with the rows that were counted. A day that a source of the metric
-- has not delivered is not there: fetched and empty is 0, not fetched is nothing. Reads: asked, windows, days, formulas, metric_tables.
SELECT m.metric, v.as_of AS day, v.value, v.parts, CAST(COALESCE(r.rows, 0) AS BIGINT) AS rows
FROM ({{ values }}) AS v
JOIN formulas AS m ON m.metric_number = v.metric_number
LEFT JOIN (
    SELECT metric, day, SUM(row_count) AS rows FROM metric.parts GROUP BY metric, day
) AS r ON r.metric = m.metric AND r.day = v.as_of
ANTI JOIN (
    SELECT t.metric, d.day
    FROM metric_tables AS t
    CROSS JOIN days AS d
    LEFT JOIN ledger.coverage AS c ON c.table_name = t.table_name AND c.day = d.day
    WHERE d.day BETWEEN DATE '{{ first }}' AND DATE '{{ last }}' AND NOT COALESCE(c.available, FALSE)
) AS missing ON missing.metric = m.metric AND missing.day = v.as_of
WHERE v.has_data
ORDER BY m.metric, v.as_of
