-- Sums are DECIMAL, so that the order of addition never shows in a score.
-- Roll-up: the weighted mean over the key results and the objectives beneath that have a score; below half coverage an objective
-- has none. From the deepest level up, so that a parent finds the scores of its parts.
-- Reads: scores.key_results, of the days that any is scored again; key_results, objective_tree.
WITH standing AS (
    SELECT * FROM scores.key_results WHERE as_of BETWEEN DATE '{{ first }}' AND DATE '{{ last }}'
),

weights AS (
    SELECT s.objective, s.as_of, s.score, s.expected, CAST(s.weight AS DECIMAL(18, 6)) AS weight, k.period_last,
        CASE WHEN s.score IS NOT NULL THEN CAST(s.weight AS DECIMAL(18, 6)) ELSE 0 END AS scored_weight,
        k.passes_at
    FROM standing AS s
    JOIN key_results AS k ON k.key_result = s.key_result AND s.as_of BETWEEN k.applies_from AND k.applies_to
),

{% for depth in range(deepest, -1, -1) %}
counted_{{ depth }} AS (
    SELECT w.*
    FROM weights AS w
    JOIN objective_tree AS t ON t.objective = w.objective AND t.depth = {{ depth }}
    {% if depth < deepest %}
    UNION ALL BY NAME
    SELECT t.parent AS objective, c.as_of, c.score, c.expected, t.weight, c.period_last,
        CASE WHEN c.score IS NOT NULL THEN t.weight ELSE 0 END AS scored_weight, c.passes_at
    FROM level_{{ depth + 1 }} AS c
    JOIN objective_tree AS t ON t.objective = c.objective
    {% endif %}
),

weighed_{{ depth }} AS (
    SELECT objective, as_of, MAX(period_last) AS period_last,
        SUM(CAST(score * weight AS DECIMAL(38, 12))) / NULLIF(SUM(scored_weight), 0) AS mean,
        SUM(scored_weight) / SUM(weight) AS coverage,
        SUM(CAST(expected * weight AS DECIMAL(38, 12))) / SUM(weight) AS expected,
        SUM(passes_at * weight) / SUM(weight) AS passes_at
    FROM counted_{{ depth }}
    GROUP BY objective, as_of
),

level_{{ depth }} AS (
    SELECT *, CASE WHEN coverage >= 0.5 THEN mean END AS score FROM weighed_{{ depth }}
),

{% endfor %}
scored AS (
    {% for depth in range(deepest + 1) %}
    SELECT * FROM level_{{ depth }}
    {{ "UNION ALL" if not loop.last }}
    {% endfor %}
)

SELECT objective, as_of, CAST(score AS DOUBLE) AS score, CAST(coverage AS DOUBLE) AS coverage, CAST(expected AS DOUBLE) AS expected,
    {{ status }} AS status
FROM scored
