-- How far a stream has come in a partition of its source. Position, counts and the state of windows change in one transaction.
-- `epoch` counts who works it: a checkpoint of an earlier epoch is refused.
CREATE TABLE stream_checkpoints (
  project TEXT NOT NULL,
  stream TEXT NOT NULL,
  source TEXT NOT NULL,
  partition_name TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  node TEXT NOT NULL,
  lease_until BIGINT NOT NULL,
  position BIGINT,
  latest BIGINT,
  windows TEXT NOT NULL,
  counts TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project, stream, source, partition_name)
);
CREATE TABLE stream_window_states (
  project TEXT NOT NULL,
  stream TEXT NOT NULL,
  source TEXT NOT NULL,
  partition_name TEXT NOT NULL,
  store TEXT NOT NULL,
  store_key TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (project, stream, source, partition_name, store, store_key)
);
