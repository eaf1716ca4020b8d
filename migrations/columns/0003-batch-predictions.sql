-- The predictions of BatchScoring documents that write to the columns. A partition is replaced whole, from the table of
-- the same form in which it is made ready, so that no reader sees half of it.
CREATE TABLE IF NOT EXISTS batch_predictions
(
    project LowCardinality(String),
    batch LowCardinality(String),
    ds Date,
    key String,
    score Float64,
    prediction UInt8,
    model_version UInt32,
    run String,
    scored_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY (project, batch, ds)
ORDER BY (project, batch, ds, key);

CREATE TABLE IF NOT EXISTS batch_predictions_staging
(
    project LowCardinality(String),
    batch LowCardinality(String),
    ds Date,
    key String,
    score Float64,
    prediction UInt8,
    model_version UInt32,
    run String,
    scored_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY (project, batch, ds)
ORDER BY (project, batch, ds, key);
