-- Every key result on every as-of day, as its row in scores.key_results says it. Reads: outcomes, agreed.
SELECT {{ columns }}, o.* EXCLUDE (version), CAST(NULL AS DATE) AS held_from
FROM outcomes AS o
JOIN agreed AS a ON a.version = o.version
