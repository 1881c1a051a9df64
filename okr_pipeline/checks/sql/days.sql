{# Rows that changed since the window began may be of any day. #}
SELECT 'asked for {{ first }} to {{ last }} and got days from ' || MIN({{ day }}) || ' to ' || MAX({{ day }})
       || '; the connector must keep to its window' AS problem
FROM pulled
{% if changed %}
WHERE COALESCE({{ changed }} < TIMESTAMP '{{ first }}' - INTERVAL 1 DAY, TRUE)
{% endif %}
HAVING MIN({{ day }}) < DATE '{{ first }}' OR MAX({{ day }}) > DATE '{{ last }}'
