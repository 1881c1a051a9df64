SELECT COALESCE('the newest day is ' || newest || ', ' || (DATE '{{ last }}' - newest) || ' days before {{ last }}',
                'no day has ever been delivered')
       || '; the source promises {{ delay }}. Look whether it still delivers' AS problem
FROM (
    SELECT MAX(day) AS newest
    FROM ledger.coverage
    WHERE table_name = '{{ name }}' AND available AND day <= DATE '{{ last }}'
)
WHERE newest IS NULL OR DATE '{{ last }}' - newest > {{ delay }}
