-- Each window with its value, or the reason why it may not be scored; and whether an interval of a cadence was kept.
-- Reads: asked, windows, what values.sql and grounds.sql say of the windows, key_results.
-- What people say alone has no grounds: it stands as it was said, and its last data day is the last of which they said it.
SELECT a.version, a.role, w.* EXCLUDE (metric_number, span, has_data, observed, reason), COALESCE(g.final, k.is_manual) AS final,
    COALESCE(g.last_data_day, w.observed) AS last_data_day,
    COALESCE(g.reason, CASE
        WHEN k.stale_after IS NOT NULL AND w.observed IS NOT NULL AND w.last_day - w.observed > k.stale_after THEN 'stale'
        WHEN NOT w.has_data THEN 'no_data_yet'
        WHEN w.value IS NULL THEN 'division_by_zero'
    END) AS why_not,
    -- An interval that was fetched and shows nothing was not kept; a bound that is met exactly counts as kept. What is to
    -- come down to a target, stay below a bound, or between two, is known only when the interval is over.
    COALESCE(CASE k.kind
        WHEN 'reach' THEN CASE WHEN k.target > k.baseline THEN ROUND(w.value - k.target, 9) >= 0
                               ELSE w.complete AND ROUND(k.target - w.value, 9) >= 0 END
        WHEN 'at_least' THEN ROUND(w.value - k.target, 9) >= 0
        WHEN 'at_most' THEN w.complete AND ROUND(w.value - k.target, 9) <= 0
        WHEN 'between' THEN
            w.complete AND ROUND(w.value - k.lower_bound, 9) >= 0 AND ROUND(w.value - k.upper_bound, 9) <= 0
    END, FALSE) AS kept
FROM ({{ values }}) AS w
JOIN asked AS a ON a.metric_number = w.metric_number AND a.span = w.span AND w.as_of BETWEEN a.first_as_of AND a.last_as_of
JOIN key_results AS k ON k.version = a.version
LEFT JOIN grounds AS g ON g.sources = a.sources AND g.as_of = w.as_of
    AND g.first_day = w.first_day AND g.last_day = w.last_day
UNION ALL BY NAME
-- The as-of days on which there is no window yet.
SELECT a.version, a.role, w.as_of, w.number, w.complete, w.reason AS why_not, k.is_manual AS final, FALSE AS kept
FROM asked AS a
JOIN windows AS w ON w.span = a.span AND w.as_of BETWEEN a.first_as_of AND a.last_as_of AND w.first_day IS NULL
JOIN key_results AS k ON k.version = a.version
