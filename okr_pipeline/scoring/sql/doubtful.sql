-- The answers of the key results that may have no score on some day: where something speaks against a value, or no way leads to
-- the target. All others have a score on every day, so their answers need not be made to find out.
-- Reads: judged, agreed; answers.
SELECT *
FROM answers
WHERE key_result IN (
    SELECT a.key_result
    FROM judged AS m
    JOIN agreed AS a ON a.version = m.version
    WHERE m.role IN ('score', 'interval') AND m.why_not IS NOT NULL
    UNION
    SELECT key_result FROM agreed WHERE no_way IS NOT NULL
)
