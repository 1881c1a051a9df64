-- A seminar is joint when at least two teams took part.
SELECT held_on AS held_on, seminar_id AS seminar_id
FROM files_seminars
GROUP BY held_on, seminar_id
HAVING COUNT(DISTINCT team) >= 2
