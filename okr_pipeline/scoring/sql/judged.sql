-- Each window with its value, or the reason why it may not be scored.
-- Reads: asked, windows, what values.sql and grounds.sql say of the windows, key_results.
-- What people say alone has no grounds: it stands as it was said, and its last data day is the last of which they said it.
SELECT a.version, a.role, w.* EXCLUDE (metric_number, span, has_data, observed, reason), COALESCE(g.final, k.manual) AS final,
    COALESCE(g.last_data_day, w.observed) AS last_data_day,
    COALESCE(g.reason, CASE
        WHEN k.stale_after IS NOT NULL AND w.observed IS NOT NULL AND w.last_day - w.observed > k.stale_after THEN 'stale'
        WHEN NOT w.has_data THEN 'no_data_yet'
        WHEN w.value IS NULL THEN 'division_by_zero'
    END) AS why_not
FROM ({{ values }}) AS w
JOIN asked AS a ON a.metric_number = w.metric_number AND a.span = w.span AND w.as_of BETWEEN a.first_as_of AND a.last_as_of
JOIN key_results AS k ON k.version = a.version
LEFT JOIN grounds AS g ON g.sources = a.sources AND g.as_of = w.as_of
    AND g.first_day = w.first_day AND g.last_day = w.last_day
UNION ALL BY NAME
-- The as-of days on which there is no window yet.
SELECT a.version, a.role, w.as_of, w.number, w.complete, w.reason AS why_not, k.manual AS final
FROM asked AS a
JOIN windows AS w ON w.span = a.span AND w.as_of BETWEEN a.first_as_of AND a.last_as_of AND w.first_day IS NULL
JOIN key_results AS k ON k.version = a.version
