"""The scoring SQL broken in one place at a time: what is wrong then, the file, a text that it has once, and what replaces it."""

from __future__ import annotations

MUTATIONS = {
    # which days count
    "trailing 9 days are 10": (
        "windows.sql",
        "a.as_of - CAST(a.days - 1 AS INTEGER)",
        "a.as_of - CAST(a.days AS INTEGER)",
    ),
    "the period begins a day late": (
        "windows.sql",
        "WHEN 'period' THEN a.period_first",
        "WHEN 'period' THEN a.period_first + 1",
    ),
    "the last week is not over yet": ("windows.sql", "AND i.last_day <= a.as_of", "AND i.first_day <= a.as_of"),
    "the last week may lie before the period": (
        "windows.sql",
        "i.middle_day BETWEEN a.period_first AND a.period_last\n        AND",
        "i.middle_day <= a.period_last\n        AND",
    ),
    "a span runs on after its end": (
        "windows.sql",
        "CASE WHEN a.as_of > a.during_last THEN a.during_last ELSE a.as_of END",
        "a.as_of",
    ),
    "a month to date is a week to date": (
        "windows.sql",
        "WHEN 'month' THEN c.month_first",
        "WHEN 'month' THEN c.week_first",
    ),
    "an interval is complete a day early": (
        "windows.sql",
        "c.last_day <= a.as_of AS complete",
        "c.last_day <= a.as_of + 1 AS complete",
    ),
    "two weeks are one": ("windows.sql", "- 1) // k.every_count AS number", "- 1) // 1 AS number"),
    "the last interval runs on after the period": (
        "windows.sql",
        "CASE WHEN MAX(last_day) > period_last THEN period_last ELSE MAX(last_day) END AS last_day",
        "MAX(last_day) AS last_day",
    ),
    "weeks always begin on Monday": ("calendar.sql", "{{ weekday }}", "0"),
    "an interval belongs to the period of its first day": (
        "intervals.sql",
        "first_day + CAST((MAX(day) - first_day + 1) // 2 AS INTEGER) AS middle_day",
        "first_day AS middle_day",
    ),
    # what counts on them
    "a rate is summed over its days": (
        "values.sql",
        "THEN CAST({{ shape.value }} AS DOUBLE) END",
        'THEN CAST({{ shape.value }} AS DOUBLE) * ("window last_day" - "window first_day" + 1) END',
    ),
    "people are counted once a day": ("values.sql", "COUNT(DISTINCT p.item)", "COUNT(p.item)"),
    "a level is summed over its days": (
        "values.sql",
        "COALESCE(p.value, 0) - COALESCE(LAG(p.value) OVER of_item, 0)",
        "COALESCE(p.value, 0)",
    ),
    "a sum begins before its window": (
        "values.sql",
        "z.value_{{ part.number }} - b.value_{{ part.number }}",
        "z.value_{{ part.number }}",
    ),
    "a sum takes the first day away": ("values.sql", '"(w.first_day - 1)"', '"w.first_day"'),
    "a month counts twice": ("values.sql", " AND month_first NOT IN (SELECT month_first FROM months)", ""),
    "a month that a window ends in counts whole": ("values.sql", "HAVING MIN(edge) = MAX(edge) AND", "HAVING"),
    "the smallest is the largest": ("values.sql", "THEN MIN(p.value)", "THEN MAX(p.value)"),
    "a lead counts before it qualified": (
        "values.sql",
        "AND p.day BETWEEN a.first_day AND a.last_day AND p.counts_from <= a.as_of",
        "AND p.day BETWEEN a.first_day AND a.last_day",
    ),
    "a lead counts a day after it qualified": (
        "values.sql",
        "AND p.day BETWEEN a.first_day AND a.last_day AND p.counts_from <= a.as_of",
        "AND p.day BETWEEN a.first_day AND a.last_day AND p.counts_from < a.as_of",
    ),
    "the rows that do not meet `where` count": ("parts.sql", " AND {{ where }}", ""),
    "a day is the average of its rows": (
        "parts.sql",
        "CAST({{ aggregate }} AS DECIMAL(38, 9))",
        "CAST({{ aggregate }} / COUNT(*) AS DECIMAL(38, 9))",
    ),
    # whether it may be scored
    "a day that was not fetched is no matter": (
        "grounds.sql",
        "z.fetched - b.fetched < n.last_day - n.needs_from + 1",
        "FALSE",
    ),
    "a source may be a day later than it said": (
        "grounds.sql",
        "n.last_day - z.available_through > n.delay",
        "n.last_day - z.available_through > n.delay + 1",
    ),
    "what is not final is": ("grounds.sql", "z.final - b.final = n.last_day - n.needs_from + 1", "TRUE"),
    "one final source is enough": ("grounds.sql", "BOOL_AND(final)", "BOOL_OR(final)"),
    "what is too old is no matter": ("judged.sql", "w.last_day - w.observed > k.stale_after", "FALSE"),
    "no data is no matter": ("judged.sql", "WHEN NOT w.has_data THEN 'no_data_yet'", ""),
    "a bound must be exceeded": (
        "outcomes.sql",
        "WHEN 'at_least' THEN ROUND(m.value - k.target, 9) >= 0",
        "WHEN 'at_least' THEN ROUND(m.value - k.target, 9) > 0",
    ),
    "what is to come down is to go up": ("outcomes.sql", "WHEN k.target > k.baseline THEN", "WHEN TRUE THEN"),
    "at most is at least": (
        "outcomes.sql",
        "m.complete AND ROUND(m.value - k.target, 9) <= 0",
        "m.complete AND ROUND(m.value - k.target, 9) >= 0",
    ),
    "a week stays below a bound before it is over": (
        "outcomes.sql",
        "m.complete AND ROUND(m.value - k.target, 9) <= 0",
        "ROUND(m.value - k.target, 9) <= 0",
    ),
    "between two swapped bounds": (
        "outcomes.sql",
        "ROUND(m.value - k.lower_bound, 9) >= 0 AND ROUND(m.value - k.upper_bound, 9) <= 0",
        "ROUND(m.value - k.upper_bound, 9) >= 0 AND ROUND(m.value - k.lower_bound, 9) <= 0",
    ),
    "a baseline that is not final": ("new_baselines.sql", " AND j.final", ""),
    # what is expected
    "what lags is expected at once": ("expected.sql", "w.as_of - CAST(k.lag AS INTEGER) AS day", "w.as_of AS day"),
    "what lags is expected sooner": (
        "expected.sql",
        "w.as_of - CAST(k.lag AS INTEGER) AS day",
        "w.as_of + CAST(k.lag AS INTEGER) AS day",
    ),
    "a checkpoint holds until the next": (
        "expected.sql",
        "s.from_share + (s.to_share - s.from_share) *",
        "s.from_share + 0 *",
    ),
    "a guardrail is expected little by little": (
        "expected.sql",
        "WHEN a.pace = 'constant' OR a.day > a.due THEN 1",
        "WHEN a.day > a.due THEN 1",
    ),
    "a rhythm of tomorrow": ("expected.sql", "r.day = a.day", "r.day = a.day + 1"),
    # how far
    "the sign of progress": ("outcomes.sql", "ROUND((value - baseline)", "ROUND((baseline - value)"),
    "progress from zero": ("outcomes.sql", "ROUND((value - baseline)", "ROUND(value"),
    "share of the target, not of the way": (
        "outcomes.sql",
        "NULLIF(target - baseline, 0), 12)",
        "NULLIF(target, 0), 12)",
    ),
    "a score below zero": ("outcomes.sql", "CASE WHEN progress < 0 THEN 0 WHEN", "CASE WHEN"),
    "a score above one": ("outcomes.sql", "WHEN progress > 1 THEN 1 ", ""),
    "at most from its bound on": (
        "agreed.sql",
        "WHEN 'at_most' THEN 2 * k.target",
        "WHEN 'at_most' THEN 3 * k.target",
    ),
    "outside of two bounds is in": (
        "outcomes.sql",
        "WHEN distance = 0 THEN 1.0 ELSE 0.0",
        "WHEN distance >= 0 THEN 1.0 ELSE 0.0",
    ),
    "above the upper bound is in": (
        "outcomes.sql",
        "measured_value - upper_bound, 9) > 0 THEN measured_value - upper_bound",
        "measured_value - upper_bound, 9) > 0 THEN 0",
    ),
    "intervals kept of those that are over": (
        "agreed.sql",
        "CEIL(COUNT(*) / k.every_count)",
        "CEIL(COUNT(*) / k.every_count) - 1",
    ),
    "steps without their weights": (
        "outcomes.sql",
        "THEN weight ELSE 0 END) / SUM(weight) AS value",
        "THEN 1 ELSE 0 END) / COUNT(*) AS value",
    ),
    "a stretch goal must be reached whole": (
        "status.sql",
        "ROUND(score - passes_at, 9) >= 0",
        "ROUND(score - 1, 9) >= 0",
    ),
    "no grade at the period's end": ("status.sql", "WHEN as_of >= period_last THEN", "WHEN as_of > period_last THEN"),
    "what is expected is no matter": (
        "status.sql",
        "ROUND(score / expected, 9) >= {{ on_track }}",
        "ROUND(score, 9) >= {{ on_track }}",
    ),
    "at risk begins where off track does": (
        "status.sql",
        "ROUND(score / expected, 9) >= {{ at_risk }}",
        "ROUND(score / expected, 9) >= {{ on_track }}",
    ),
    "a held score is another day's": ("held.sql", "w.good_day AS held_from", "w.as_of AS held_from"),
    # objectives
    "an objective without weights": (
        "new_objectives.sql",
        "CAST(score * weight AS DECIMAL(38, 12))",
        "CAST(score AS DECIMAL(38, 12))",
    ),
    "what has no score counts as zero": (
        "new_objectives.sql",
        "CASE WHEN s.score IS NOT NULL THEN CAST(s.weight AS DECIMAL(18, 6)) ELSE 0 END AS scored_weight",
        "CAST(s.weight AS DECIMAL(18, 6)) AS scored_weight",
    ),
    "an objective of a third of its weight": ("new_objectives.sql", "coverage >= 0.5", "coverage >= 0.3"),
    "an objective expects no weights": (
        "new_objectives.sql",
        "CAST(expected * weight AS DECIMAL(38, 12))",
        "CAST(expected AS DECIMAL(38, 12))",
    ),
    "a part weighs nothing in its parent": (
        "new_objectives.sql",
        "c.score, c.expected, t.weight, c.period_last",
        "c.score, c.expected, 1 AS weight, c.period_last",
    ),
    "a part without a score counts as zero": (
        "new_objectives.sql",
        "CASE WHEN c.score IS NOT NULL THEN t.weight ELSE 0 END",
        "t.weight",
    ),
    "an objective of stretch goals must be reached whole": (
        "new_objectives.sql",
        "SUM(passes_at * weight) / SUM(weight) AS passes_at",
        "1.0 AS passes_at",
    ),
    "coverage counts heads": (
        "new_objectives.sql",
        "SUM(scored_weight) / SUM(weight) AS coverage",
        "SUM(SIGN(scored_weight)) / COUNT(*) AS coverage",
    ),
    # what people say
    "nothing said is 0": ("values.sql", '{{ "NULL" if part.is_manual else "0" }}', "0"),
    "nothing said is 0 at most": (
        "values.sql",
        "WHEN m.is_manual AND COUNT(p.row_count) = 0 THEN NULL",
        "WHEN m.is_manual AND COUNT(p.row_count) = 0 THEN 0",
    ),
    "what people say may change any day": (
        "judged.sql",
        "COALESCE(g.final, k.manual) AS final",
        "COALESCE(g.final, FALSE) AS final",
    ),
    "what nobody has spoken of yet is missed": (
        "outcomes.sql",
        "CASE WHEN m.manual AND BOOL_AND(m.why_not IS NOT DISTINCT FROM 'no_data_yet')",
        "CASE WHEN FALSE",
    ),
    "what was said and cannot be divided by is not said yet": (
        "outcomes.sql",
        "CASE WHEN m.manual AND BOOL_AND(m.why_not IS NOT DISTINCT FROM 'no_data_yet')",
        "CASE WHEN m.manual AND COUNT(m.value) = 0",
    ),
    "nobody doubts a value that something speaks against": (
        "doubtful.sql",
        "IN ('score', 'interval') AND",
        "IN ('interval') AND",
    ),
    "nobody doubts an interval": ("doubtful.sql", "IN ('score', 'interval') AND", "IN ('score') AND"),
    "what is held is final": ("held.sql", "FALSE AS final", "TRUE AS final"),
    "a quarter is a month": ("calendar.sql", "DATE_TRUNC('quarter', day)", "DATE_TRUNC('month', day)"),
}
