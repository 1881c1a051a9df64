SELECT c.missing || ' of ' || total || ' rows have no `' || c.name || '`' || c.why || '; correct them at the source' AS problem
FROM (
    SELECT COUNT(*) AS total, [
    {%- for column in key %}
        {'name': '{{ column[1:-1] }}', 'why': ', which is part of the key', 'missing': COUNT(*) - COUNT({{ column }})},
    {%- endfor %}
    {%- if day and day not in key %}
        {'name': '{{ day[1:-1] }}', 'why': '', 'missing': COUNT(*) - COUNT({{ day }})},
    {%- endif %}
    ] AS columns
    FROM pulled
), UNNEST(columns) AS u(c)
WHERE c.missing > 0
