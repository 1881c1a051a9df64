{% if bounds %}
SELECT '`' || c.name || '` is ' || c.word || ' in ' || c.wrong || ' of ' || total || ' rows (' || c.worst
       || '); correct them at the source, or name the bound under `checks: range:`' AS problem
FROM (
    SELECT COUNT(*) AS total, [
    {%- for bound in bounds %}
        {% set column = '"' ~ bound.column ~ '"' %}
        {'name': '{{ bound.column }}', 'word': 'below {{ bound.at_least }}', 'worst': CAST(MIN({{ column }}) AS VARCHAR),
         'wrong': COUNT(*) FILTER (WHERE {{ column }} < {{ bound.at_least }})},
        {%- if bound.at_most is not none %}

        {'name': '{{ bound.column }}', 'word': 'above {{ bound.at_most }}', 'worst': CAST(MAX({{ column }}) AS VARCHAR),
         'wrong': COUNT(*) FILTER (WHERE {{ column }} > {{ bound.at_most }})},
        {%- endif %}
    {%- endfor %}
    ] AS columns
    FROM pulled
), UNNEST(columns) AS u(c)
WHERE c.wrong > 0
{% endif %}
