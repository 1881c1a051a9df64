SELECT * EXCLUDE (_superseded)
FROM (SELECT *, NULL AS _superseded FROM raw.{{ table }} UNION ALL BY NAME SELECT * FROM history.{{ table }})
WHERE _load <= {{ load }} AND (_superseded IS NULL OR _superseded > {{ load }})
