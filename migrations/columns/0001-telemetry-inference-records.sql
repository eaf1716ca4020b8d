-- One row per answered prediction. Partitioned by the day its segment began, which is the same whenever a segment is
-- inserted again, so that the deduplication (which works per partition) holds and old days are dropped whole.
CREATE TABLE IF NOT EXISTS inference_records
(
    project LowCardinality(String),
    deployment LowCardinality(String),
    model LowCardinality(String),
    version UInt32,
    role LowCardinality(String),
    record_id String,
    at DateTime64(3, 'UTC'),
    actor String,
    source LowCardinality(String),
    features Array(Float32),
    score Float64,
    prediction Float64,
    other_version UInt32,
    other_score Float64,
    latency_us UInt32,
    segment LowCardinality(String),
    stored_on Date,
    INDEX record_ids record_id TYPE bloom_filter(0.0001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY stored_on
ORDER BY (project, deployment, at)
SETTINGS non_replicated_deduplication_window = 20000;
