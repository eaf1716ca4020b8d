-- Every label ever received, corrections included; the newest received_at of a record counts, then the later in the stream.
CREATE TABLE IF NOT EXISTS labels
(
    project LowCardinality(String),
    deployment LowCardinality(String),
    record_id String,
    label Float64,
    source LowCardinality(String),
    observed_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    segment String,
    ordinal UInt32,
    stored_on Date
)
ENGINE = MergeTree
PARTITION BY stored_on
ORDER BY (project, deployment, record_id, received_at)
SETTINGS non_replicated_deduplication_window = 20000;
