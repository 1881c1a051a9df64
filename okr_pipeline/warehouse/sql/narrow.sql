-- For a warehouse of before December 2026, in which each row of scores says (some of) its agreement itself: from the tables `wide` into
-- scores.agreements and scores.outcomes. What a wide table has not is NULL, what is no more is left behind.
{% for schema in wide %}
CREATE TEMP TABLE {{ schema }}_wide AS
SELECT * REPLACE (COALESCE(weight, 1) AS weight, COALESCE(manual, FALSE) AS manual)
FROM (SELECT * FROM {{ schema }}.key_results UNION ALL BY NAME SELECT * FROM {{ schema }}.wide);
DROP TABLE {{ schema }}.wide;
{% endfor %}
INSERT INTO scores.agreements
SELECT ROW_NUMBER() OVER () AS agreement, *
FROM (
    {% for schema in wide %}
    SELECT {{ agreed|join(", ") }} FROM {{ schema }}_wide
    {{ "UNION" if not loop.last }}
    {% endfor %}
    ORDER BY ALL
);
{% for schema in wide %}
{% set columns = outcomes + (["_superseded"] if schema == "history" else []) %}
INSERT INTO {{ schema }}.outcomes (agreement, {{ columns|join(", ") }})
SELECT a.agreement, w.{{ columns|join(", w.") }}
FROM {{ schema }}_wide AS w
JOIN scores.agreements AS a ON (a.{{ agreed|join(", a.") }}) IS NOT DISTINCT FROM (w.{{ agreed|join(", w.") }});
DROP TABLE {{ schema }}_wide;
{% endfor %}
