-- Each column of a table of scores as the days on which it changes, and what it is from then on: one row for each {{ key }}.
-- Days are counted from $first. Most of what a score row says stays the same for weeks.
WITH marked AS (
    SELECT {{ key }} AS id, CAST(as_of - $first AS INTEGER) AS day
    {% for name, value in columns.items() %}
        , {{ value }} AS "{{ name }}", {{ value }} IS DISTINCT FROM LAG({{ value }}) OVER days AS "{{ name }} changes"
    {% endfor %}
    FROM {{ table }}
    WHERE as_of BETWEEN $first AND $last
    WINDOW days AS (PARTITION BY {{ key }} ORDER BY as_of)
)

SELECT id
{% for name in columns %}
    , LIST(day ORDER BY day) FILTER ("{{ name }} changes"), LIST("{{ name }}" ORDER BY day) FILTER ("{{ name }} changes")
{% endfor %}
FROM marked
GROUP BY id
ORDER BY id
