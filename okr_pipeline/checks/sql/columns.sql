-- New columns are added, and changed types refused, when the table is prepared; what is left is a column nobody sends.
SELECT '`' || column_name || '` stands in {{ name }} and is no longer declared; its old values stay, new rows have none' AS problem
FROM duckdb_columns()
WHERE schema_name = 'raw' AND table_name = '{{ name }}' AND column_name <> '_load'
    AND column_name NOT IN ({% for column in columns %}'{{ column }}'{{ ", " if not loop.last }}{% endfor %})
