-- What the new rows say of their key result and no row said before, with numbers of their own.
-- Reads: key_results, held (what is held under an agreement of before); scores.agreements.
SELECT (SELECT COALESCE(MAX(agreement), 0) FROM scores.agreements) + ROW_NUMBER() OVER () AS agreement, *
FROM (
    SELECT objective, metric, unit, lower_bound, upper_bound, weight, configuration, is_manual AS manual FROM key_results
    UNION
    SELECT objective, metric, unit, lower_bound, upper_bound, weight, configuration, manual FROM held
    EXCEPT
    SELECT * EXCLUDE (agreement) FROM scores.agreements
    ORDER BY ALL
)
