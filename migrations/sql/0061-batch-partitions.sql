-- What readers see now, partition by partition. `run` is empty until the first predictions are published.
CREATE TABLE batch_partitions (
  project TEXT NOT NULL,
  batch TEXT NOT NULL,
  ds TEXT NOT NULL,
  run TEXT,
  model TEXT,
  version INTEGER,
  location TEXT,
  digest TEXT,
  row_count BIGINT,
  scores TEXT,
  published_at BIGINT,
  PRIMARY KEY (project, batch, ds)
);
