-- Each interval of each cadence on each day that it was looked at: what the page's boxes are filled from.
SELECT key_result || '/' || STRFTIME(i.first, '%Y-%m-%d') AS box, as_of,
    i.value AS value, CASE WHEN i.kept THEN 'kept' WHEN i.complete THEN 'missed' ELSE 'open' END AS state
FROM (
    SELECT key_result, as_of,
        UNNEST(FROM_JSON(intervals, '[{"first": "DATE", "value": "DOUBLE", "kept": "BOOLEAN", "complete": "BOOLEAN"}]')) AS i
    FROM scores.key_results
    WHERE intervals IS NOT NULL
)
