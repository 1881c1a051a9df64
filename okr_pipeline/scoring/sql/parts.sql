-- One part of one metric, per day: raw rows (or a view's) → metric.parts. Ratios are put together last, from these.
SELECT
    '{{ metric }}' AS metric,
    '{{ part }}' AS part,
    CAST({{ day }} AS DATE) AS day,
    CAST({{ counts_from }} AS DATE) AS counts_from,
    CAST({{ item }} AS VARCHAR) AS item,
    CAST({{ aggregate }} AS DECIMAL(38, 9)) AS value,
    COUNT(*) AS row_count,
    LIST_SORT(LIST_DISTINCT({{ loads }})) AS loads
FROM {{ source }}
WHERE {{ day }} IS NOT NULL AND {{ counts_from }} IS NOT NULL AND {{ where }}
GROUP BY ALL
