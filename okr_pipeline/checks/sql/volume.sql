-- Rows, and each count that may be added up, of every newly delivered day against the median of its own weekday.
-- Newly: since the load of the night before; on the first one, the last day that can be there.
WITH judged AS (
    SELECT COALESCE(MAX(available_through), DATE '{{ last }}' - {{ delay + 1 }}) AS day FROM ledger.loads
    WHERE table_name = '{{ name }}' AND outcome = 'landed' AND last_day < DATE '{{ last }}'
),

delivered AS (
    SELECT day FROM ledger.coverage
    WHERE table_name = '{{ name }}' AND available
        AND day BETWEEN DATE '{{ first }}' - {{ delay + volume.weeks * 7 }} AND DATE '{{ last }}'
),

summed AS (
    SELECT {{ day }} AS day, [
        {'name': 'rows', 'amount': CAST(COUNT(*) AS DOUBLE)}
        {%- for column in added_up %}, {'name': '{{ column[1:-1] }}', 'amount': CAST(SUM({{ column }}) AS DOUBLE)}{% endfor %}

    ] AS amounts
    FROM {{ table }}
    WHERE {{ day }} BETWEEN DATE '{{ first }}' - {{ delay + volume.weeks * 7 }} AND DATE '{{ last }}'
    GROUP BY {{ day }}
),

amounts AS (
    SELECT day, UNNEST(amounts) AS a FROM summed
),

-- A day that was delivered without a row is a day with nothing.
measured AS (
    SELECT d.day, n.name, COALESCE(a.a.amount, 0) AS amount
    FROM delivered AS d
    CROSS JOIN (SELECT UNNEST(['rows'{% for column in added_up %}, '{{ column[1:-1] }}'{% endfor %}]) AS name) AS n
    LEFT JOIN amounts AS a ON a.day = d.day AND a.a.name = n.name
),

compared AS (
    SELECT t.day, t.name, t.amount, MEDIAN(b.amount) AS usual, COUNT(*) AS weeks
    FROM measured AS t
    JOIN measured AS b ON b.name = t.name AND b.day < t.day AND b.day >= t.day - {{ volume.weeks * 7 }}
        AND (t.day - b.day) % 7 = 0
    WHERE t.day > (SELECT day FROM judged)
    GROUP BY t.day, t.name, t.amount
)

SELECT name || ' on ' || DAYNAME(day) || ' ' || day || ': ' || amount || ', where the ' || weeks
       || ' such weekdays before had ' || usual || ' in the middle; look at the source' AS problem
FROM compared
WHERE weeks >= 4 AND usual >= {{ volume.smallest }}
    AND (amount < usual * {{ volume.at_least }} OR amount > usual * {{ volume.at_most }})
ORDER BY day DESC, name
