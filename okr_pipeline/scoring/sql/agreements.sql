-- What the new rows say of their key result and no row said before, with numbers of their own.
-- Reads: agreed, held (what is held under an agreement of before); scores.agreements.
SELECT (SELECT COALESCE(MAX(agreement), 0) FROM scores.agreements) + ROW_NUMBER() OVER () AS agreement, *
FROM (
    SELECT {{ columns }} FROM agreed
    UNION
    SELECT {{ columns }} FROM held
    EXCEPT
    SELECT {{ columns }} FROM scores.agreements
    ORDER BY ALL
)
