-- Sums are DECIMAL, so that the order of addition never shows in a score.
-- Roll-up: the weighted mean over the key results that have a score; below half coverage an objective has none.
WITH weighed AS (
    SELECT s.objective, s.as_of, MAX(k.period_last) AS period_last,
        SUM(CAST(s.score * s.weight AS DECIMAL(38, 12))) / NULLIF(SUM(CASE WHEN s.score IS NOT NULL THEN s.weight END), 0) AS mean,
        COALESCE(SUM(CASE WHEN s.score IS NOT NULL THEN s.weight END), 0) / SUM(s.weight) AS coverage,
        SUM(CAST(s.expected * s.weight AS DECIMAL(38, 12))) / SUM(s.weight) AS expected,
        SUM(CASE WHEN k.type = 'aspirational' THEN 0.7 ELSE 1.0 END * s.weight) / SUM(s.weight) AS passes_at
    FROM new_scores AS s
    JOIN key_results AS k ON k.key_result = s.key_result
    GROUP BY s.objective, s.as_of
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
