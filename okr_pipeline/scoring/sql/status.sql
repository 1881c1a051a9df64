-- What a score says against what was expected of it, of a key result or an objective. Compared at 9 places, as progress is.
-- Reads the columns score, expected, as_of, period_last, and passes_at (from which score on it is achieved at the period's end).
CASE
    WHEN score IS NULL THEN 'no_score'
    WHEN as_of >= period_last THEN CASE WHEN ROUND(score - passes_at, 9) >= 0 THEN 'achieved' ELSE 'missed' END
    WHEN expected = 0 THEN 'not_started'
    WHEN ROUND(score / expected, 9) >= {{ on_track }} THEN 'on_track'
    WHEN ROUND(score / expected, 9) >= {{ at_risk }} THEN 'at_risk'
    ELSE 'off_track'
END
