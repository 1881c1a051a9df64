-- Every key result on every as-of day: its new score, or what it holds without one. Reads: answers, held.
SELECT * FROM answers WHERE score IS NOT NULL
UNION ALL BY NAME
SELECT * FROM held
