-- The new scores as scores.outcomes keeps them, each with the number of its agreement.
-- Reads: outcomes, key_results, held; scores.agreements.
{% set agreed = "objective, metric, unit, lower_bound, upper_bound, weight, configuration, manual" %}
WITH agreements AS (
    SELECT agreement, ROW({{ agreed }}) AS agreed FROM scores.agreements
),

versions AS (
    SELECT k.version, k.key_result, a.agreement
    FROM (SELECT version, key_result, ROW({{ agreed|replace("manual", "is_manual") }}) AS agreed FROM key_results) AS k
    JOIN agreements AS a ON a.agreed IS NOT DISTINCT FROM k.agreed
)

SELECT v.key_result, v.agreement, o.* EXCLUDE (version), CAST(NULL AS DATE) AS held_from
FROM outcomes AS o
JOIN versions AS v ON v.version = o.version
WHERE o.score IS NOT NULL
UNION ALL BY NAME
SELECT h.* EXCLUDE ({{ agreed }}), a.agreement
FROM held AS h
JOIN agreements AS a ON a.agreed IS NOT DISTINCT FROM ROW(h.{{ agreed|replace(", ", ", h.") }})
