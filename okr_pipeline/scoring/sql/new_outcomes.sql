-- The new scores as scores.outcomes keeps them, each with the number of its agreement.
-- Reads: outcomes, agreed, doubtful, held; scores.agreements.
WITH agreements AS (
    SELECT agreement, ROW({{ columns }}) AS agreed FROM scores.agreements
),

versions AS (
    SELECT v.version, v.is_doubtful, a.agreement
    FROM (
        SELECT version, key_result IN (SELECT key_result FROM doubtful) AS is_doubtful, ROW({{ columns }}) AS agreed FROM agreed
    ) AS v
    JOIN agreements AS a ON a.agreed IS NOT DISTINCT FROM v.agreed
)

SELECT v.agreement, o.* EXCLUDE (version), CAST(NULL AS DATE) AS held_from
FROM outcomes AS o
JOIN versions AS v ON v.version = o.version
WHERE o.score IS NOT NULL OR NOT v.is_doubtful -- all others have a score; if not, it is not lost
UNION ALL BY NAME
SELECT h.* EXCLUDE ({{ columns }}, agreed), a.agreement
FROM (SELECT *, ROW({{ columns }}) AS agreed FROM held) AS h
JOIN agreements AS a ON a.agreed IS NOT DISTINCT FROM h.agreed
