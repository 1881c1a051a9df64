-- From which as-of day on each key result is scored again: the first day whose data, or what is known of them, changed since the
-- last scoring; no window that ends before it can tell. Its whole period where there is no last scoring of this configuration.
-- Reads: key_results, source_tables, metric_tables (metric, table_name), days, metric.unscored, ledger.loads, scores.baselines.
{% if last is none %}
SELECT version, key_result, MIN(period_first) OVER (PARTITION BY key_result) AS since FROM key_results
{% else %}
WITH asked AS (
    SELECT l.table_name, l.load, l.outcome = 'landed' AS landed, l.available_through, l.final_through,
           CAST(UNNEST(GENERATE_SERIES(l.first_day, l.last_day, INTERVAL 1 DAY)) AS DATE) AS day
    FROM ledger.loads AS l
    WHERE l.table_name IN (SELECT table_name FROM source_tables)
),

known AS (
    SELECT table_name, day, BOOL_OR(landed) AS fetched,
    {% for moment, condition in [("now", "landed"), ("before", "landed AND load <= " ~ last.load)] %}
        {'available': MAX_BY(day <= available_through, load) FILTER ({{ condition }}),
         'final': MAX_BY(day <= final_through AND day <= available_through, load) FILTER ({{ condition }}),
         'fetched': COUNT(*) FILTER ({{ condition }}) > 0} AS {{ moment }}{{ "," if not loop.last }}
    {% endfor %}
    FROM asked
    GROUP BY table_name, day
),

-- A day that was never fetched shows the newest failure of its table, whenever that was.
failures AS (
    SELECT table_name, MAX_BY(outcome, load) AS now, MAX_BY(outcome, load) FILTER (load <= {{ last.load }}) AS before
    FROM ledger.loads
    GROUP BY table_name
    HAVING now IS DISTINCT FROM before
),

changed AS (
    SELECT metric, first_day AS day FROM metric.unscored
    UNION ALL
    SELECT t.metric, k.day
    FROM known AS k
    JOIN metric_tables AS t ON t.table_name = k.table_name
    WHERE k.now IS DISTINCT FROM k.before
    UNION ALL
    SELECT t.metric, d.day
    FROM failures AS f
    JOIN metric_tables AS t ON t.table_name = f.table_name
    JOIN days AS d ON d.day >= DATE '{{ earliest }}'
    ANTI JOIN known AS k ON k.table_name = f.table_name AND k.day = d.day AND k.fetched
),

first_changes AS (
    SELECT metric, MIN(day) AS day FROM changed GROUP BY metric
),

-- A baseline that is yet to be measured changes every day when it comes.
by_version AS (
    SELECT k.version, k.key_result, k.period_first,
        CASE WHEN b.baseline_id IS NULL AND k.baseline_id IS NOT NULL THEN k.period_first
             ELSE LEAST(c.day, DATE '{{ last.last_day }}' + 1) END AS since
    FROM key_results AS k
    LEFT JOIN first_changes AS c ON c.metric = k.metric
    LEFT JOIN (SELECT DISTINCT baseline_id FROM scores.baselines) AS b ON b.baseline_id = k.baseline_id
)

SELECT version, key_result, GREATEST(MIN(since) OVER of_it, MIN(period_first) OVER of_it) AS since
FROM by_version
WINDOW of_it AS (PARTITION BY key_result)
{% endif %}
