-- Sums are DECIMAL, so that the order of addition never shows in a score.
-- Roll-up: the weighted mean over the key results that have a score; below half coverage an objective has none.
-- Reads: key_results, rescored, new_scores, and of scores.key_results what is not scored again.
WITH standing AS (
    SELECT * FROM new_scores
    UNION ALL BY NAME
    SELECT s.* EXCLUDE (_load)
    FROM scores.key_results AS s
    JOIN (SELECT DISTINCT key_result, since FROM rescored) AS r ON r.key_result = s.key_result AND s.as_of < r.since
    WHERE s.as_of >= (SELECT MIN(since) FROM rescored)
),

weights AS (
    SELECT s.objective, s.as_of, s.score, s.expected, CAST(s.weight AS DECIMAL(18, 6)) AS weight, k.period_last,
        CASE WHEN s.score IS NOT NULL THEN CAST(s.weight AS DECIMAL(18, 6)) ELSE 0 END AS scored_weight,
        CASE WHEN k.type = 'aspirational' THEN 0.7 ELSE 1.0 END AS passes_at
    FROM standing AS s
    JOIN key_results AS k ON k.key_result = s.key_result AND s.as_of BETWEEN k.applies_from AND k.applies_to
),

weighed AS (
    SELECT objective, as_of, MAX(period_last) AS period_last,
        SUM(CAST(score * weight AS DECIMAL(38, 12))) / NULLIF(SUM(scored_weight), 0) AS mean,
        SUM(scored_weight) / SUM(weight) AS coverage,
        SUM(CAST(expected * weight AS DECIMAL(38, 12))) / SUM(weight) AS expected,
        SUM(passes_at * weight) / SUM(weight) AS passes_at
    FROM weights
    GROUP BY objective, as_of
),

scored AS (
    SELECT *, CASE WHEN coverage >= 0.5 THEN mean END AS score FROM weighed
)

SELECT objective, as_of, CAST(score AS DOUBLE) AS score, CAST(coverage AS DOUBLE) AS coverage, CAST(expected AS DOUBLE) AS expected,
    CASE
        WHEN score IS NULL THEN 'no_score'
        WHEN as_of >= period_last THEN CASE WHEN ROUND(score - passes_at, 9) >= 0 THEN 'achieved' ELSE 'missed' END
        WHEN expected = 0 THEN 'not_started'
        WHEN ROUND(score / expected, 9) >= {{ on_track }} THEN 'on_track'
        WHEN ROUND(score / expected, 9) >= {{ at_risk }} THEN 'at_risk'
        ELSE 'off_track'
    END AS status
FROM scored
