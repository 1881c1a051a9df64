-- Everything durable. Raw tables and their history are made when their first load lands; see landing.py.
CREATE SCHEMA IF NOT EXISTS raw;
CREATE SCHEMA IF NOT EXISTS history;
CREATE SCHEMA IF NOT EXISTS ledger;
CREATE SCHEMA IF NOT EXISTS views;
CREATE SCHEMA IF NOT EXISTS metric;
CREATE SCHEMA IF NOT EXISTS scores;

-- What people say of a metric that no source knows: `okr checkin`. A correction of a day moves what was said to history.
CREATE TABLE IF NOT EXISTS raw.checkins (
    metric VARCHAR NOT NULL,
    day DATE NOT NULL,
    key_result VARCHAR,                -- for which it was said
    value DECIMAL(38, 9),
    note VARCHAR,
    reported_by VARCHAR,
    reported_at TIMESTAMP,             -- UTC
    _load BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS history.checkins AS SELECT *, _load AS _superseded FROM raw.checkins LIMIT 0;

-- One row for every attempt to bring a table up to date, the failed ones too.
CREATE TABLE IF NOT EXISTS ledger.loads (
    load BIGINT NOT NULL,
    table_name VARCHAR NOT NULL,       -- as in raw.<table_name>
    first_day DATE NOT NULL,           -- the window asked for, both ends included
    last_day DATE NOT NULL,
    known_at TIMESTAMP NOT NULL,       -- UTC; what was landed is known from this instant on; each load later than the one before
    outcome VARCHAR NOT NULL,          -- 'landed', or the reason why nothing was
    message VARCHAR,                   -- for a failure: what is wrong and what to do
    received BIGINT NOT NULL,          -- rows the source sent
    inserted BIGINT NOT NULL,
    changed BIGINT NOT NULL,           -- the old version is in history
    vanished BIGINT NOT NULL,          -- the source no longer sends them; they are in history
    unchanged BIGINT NOT NULL,         -- they keep the load they came with
    available_through DATE,            -- the last day the source had delivered
    final_through DATE,                -- the last day whose numbers will not change
    notes VARCHAR NOT NULL             -- JSON: what the source said (sampled, thresholded, quota, …)
);

-- The configurations that scores name by their hash: what decides a key result, and (key_result NULL) all that was scored.
CREATE TABLE IF NOT EXISTS ledger.configurations (
    hash VARCHAR NOT NULL,
    key_result VARCHAR,
    load BIGINT NOT NULL,              -- the first scoring that used it
    document VARCHAR NOT NULL          -- JSON
);

-- The rows that a load left out, or for which it was rejected, as the source has them: for a person to mend.
CREATE TABLE IF NOT EXISTS ledger.quarantine (
    load BIGINT NOT NULL,
    table_name VARCHAR NOT NULL,
    place VARCHAR NOT NULL,            -- the file or sheet
    line BIGINT NOT NULL,
    problem VARCHAR NOT NULL,          -- what is wrong, and what would be right
    content VARCHAR NOT NULL
);

-- Of a load that landed: the days of its window that have rows. Null for lists without days.
ALTER TABLE ledger.loads ADD COLUMN IF NOT EXISTS days_with_rows DATE[];

-- What is known of each day of each table, from the first it was asked for to the last that any was. `state`: 'rows' or
-- 'empty' (fetched and final), 'not_final' (fetched, and may still change or come), 'failed' (asked for, and never landed), 'never_fetched'.
CREATE OR REPLACE VIEW ledger.coverage AS
WITH pulls AS (
    SELECT * FROM ledger.loads WHERE table_name NOT LIKE 'scores.%'  -- a scoring is in the ledger too
),
days AS (
    SELECT table_name, CAST(UNNEST(GENERATE_SERIES(first_day, last_day, INTERVAL 1 DAY)) AS DATE) AS day
    FROM (SELECT table_name, MIN(first_day) AS first_day, MAX(MAX(last_day)) OVER () AS last_day FROM pulls GROUP BY table_name)
),
asked AS (
    SELECT table_name, load, CASE WHEN outcome = 'landed' THEN load END AS landed, received, days_with_rows,
           available_through, final_through,
           CAST(UNNEST(GENERATE_SERIES(first_day, last_day, INTERVAL 1 DAY)) AS DATE) AS day
    FROM pulls
),
known AS (
    SELECT table_name, day, MAX(landed) AS landed, MAX(load) AS tried,
           MAX_BY(day <= available_through, landed) AS available,
           MAX_BY(day <= final_through AND day <= available_through, landed) AS final,
           MAX_BY(COALESCE(LIST_CONTAINS(days_with_rows, day), received > 0), landed) AS has_rows
    FROM asked
    GROUP BY table_name, day
)
SELECT d.table_name, d.day, COALESCE(k.landed, k.tried) AS load,
       COALESCE(k.available, FALSE) AS available, COALESCE(k.final, FALSE) AS final,
       CASE WHEN k.tried IS NULL THEN 'never_fetched' WHEN k.landed IS NULL THEN 'failed'
            WHEN NOT COALESCE(k.final, FALSE) THEN 'not_final' WHEN k.has_rows THEN 'rows' ELSE 'empty' END AS state
FROM days AS d
LEFT JOIN known AS k ON k.table_name = d.table_name AND k.day = d.day;

-- A table is in trouble while its newest attempt failed.
CREATE VIEW IF NOT EXISTS ledger.trouble AS
SELECT table_name, outcome, message, load, known_at
FROM ledger.loads
QUALIFY load = MAX(load) OVER (PARTITION BY table_name) AND outcome <> 'landed';

-- Each metric's parts per day: what the scores are made of, and what a metric's chart shows.
CREATE TABLE IF NOT EXISTS metric.parts (
    metric VARCHAR NOT NULL,
    part VARCHAR NOT NULL,
    day DATE NOT NULL,
    counts_from DATE NOT NULL,         -- the rows count on as-of days from this one on
    item VARCHAR,                      -- of count(distinct …) and latest(…, item)
    value DECIMAL(38, 9),
    row_count BIGINT NOT NULL,
    loads BIGINT[] NOT NULL,           -- the loads these rows came with
    _load BIGINT NOT NULL
);

-- The same by month, so that a night need not read the days of a year to know their sum.
CREATE TABLE IF NOT EXISTS metric.months AS {{ months }};

-- The metrics whose parts changed since the last scoring, and the first day that did.
CREATE TABLE IF NOT EXISTS metric.unscored (metric VARCHAR NOT NULL, first_day DATE NOT NULL);

-- What rows of scores say of their key result: one row for each different answer.
CREATE TABLE IF NOT EXISTS scores.agreements (
    agreement INTEGER NOT NULL,
    key_result VARCHAR NOT NULL,
    objective VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    lower_bound DOUBLE,                -- of `between`
    upper_bound DOUBLE,
    baseline DOUBLE,                   -- from where the way leads to the target; NULL while it is yet to be measured
    target DOUBLE,
    pace VARCHAR,                      -- what `expected` follows: linear, checkpoints, weekly rhythm, …
    weight DOUBLE NOT NULL,
    configuration VARCHAR NOT NULL,    -- the hash of all in okr_config/ that decides it
    manual BOOLEAN NOT NULL            -- people say some or all of what it is measured by: raw.checkins
);

-- A key result as of a day. One row each; a row that changes moves to history.outcomes with the load that superseded it.
-- A compression is named where DuckDB takes longer to find one than it would save.
CREATE TABLE IF NOT EXISTS scores.outcomes (
    agreement INTEGER NOT NULL,
    as_of DATE NOT NULL,
    value DOUBLE,
    parts VARCHAR USING COMPRESSION zstd,           -- JSON: the parts that `value` is computed from
    intervals VARCHAR USING COMPRESSION dict_fsst,  -- JSON, for a cadence: each interval's value and whether it was kept
    steps VARCHAR USING COMPRESSION dict_fsst,      -- JSON, for milestones: each step, its weight, and the day it was done
    distance DOUBLE USING COMPRESSION alp,          -- of `between`: how far outside
    progress DOUBLE,                   -- unclamped
    score DOUBLE,                      -- progress clamped to 0…1
    expected DOUBLE,                   -- the share of the way due by the end of the as-of day
    status VARCHAR USING COMPRESSION dict_fsst NOT NULL,
    reason VARCHAR USING COMPRESSION dict_fsst,     -- why there is no new score on this day
    held_from DATE,                    -- then the values are the last good ones, of this day
    final BOOLEAN NOT NULL,            -- no number it rests on will change at its source
    last_data_day DATE,                -- the last day that every source of it had delivered
    first_day DATE,                    -- the window of days that count
    last_day DATE,
    alongside DOUBLE USING COMPRESSION alp,         -- the value over the window shown beside it, not scored
    _load BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS history.outcomes AS SELECT *, _load AS _superseded FROM scores.outcomes LIMIT 0;

-- Both together: what people and programs read.
CREATE OR REPLACE VIEW scores.key_results AS
SELECT a.* EXCLUDE (agreement), o.* EXCLUDE (agreement)
FROM scores.outcomes AS o
JOIN scores.agreements AS a ON a.agreement = o.agreement;
CREATE OR REPLACE VIEW history.key_results AS
SELECT a.* EXCLUDE (agreement), o.* EXCLUDE (agreement)
FROM history.outcomes AS o
JOIN scores.agreements AS a ON a.agreement = o.agreement;

-- Baselines that are measured: once, when their days were over and final. The load is the scoring that measured it.
CREATE TABLE IF NOT EXISTS scores.baselines (
    key_result VARCHAR NOT NULL,
    baseline_id VARCHAR NOT NULL,      -- the hash of what is measured: metric, window, period
    first_day DATE NOT NULL,
    last_day DATE NOT NULL,
    value DOUBLE NOT NULL,
    parts VARCHAR NOT NULL,
    _load BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS scores.objectives (
    objective VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    score DOUBLE,                      -- weighted mean over the key results that have one
    coverage DOUBLE NOT NULL,          -- share of the weight that has a score; below half there is no objective score
    expected DOUBLE,
    status VARCHAR NOT NULL,
    _load BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS history.objectives AS SELECT *, _load AS _superseded FROM scores.objectives LIMIT 0;
