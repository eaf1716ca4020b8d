-- A run has a number of its own in its project: rows of measurements carry it instead of the long id.
CREATE TABLE runs (
  project TEXT NOT NULL,
  run BIGINT NOT NULL,
  id TEXT NOT NULL,
  experiment BIGINT NOT NULL,
  name TEXT NOT NULL,
  user_id TEXT NOT NULL,
  status TEXT NOT NULL,
  lifecycle TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  deleted_at BIGINT,
  artifact_uri TEXT NOT NULL,
  PRIMARY KEY (project, run)
);
CREATE UNIQUE INDEX runs_id ON runs (project, id);
CREATE INDEX runs_started ON runs (project, experiment, lifecycle, started_at DESC, id, run);
-- head is how a value begins: what is short enough to be in an index.
CREATE TABLE run_params (
  project TEXT NOT NULL,
  run BIGINT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  experiment BIGINT NOT NULL,
  head TEXT NOT NULL,
  PRIMARY KEY (project, run, key)
);
CREATE INDEX run_params_head ON run_params (project, experiment, key, head, run);
CREATE TABLE run_tags (
  project TEXT NOT NULL,
  run BIGINT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  experiment BIGINT NOT NULL,
  head TEXT NOT NULL,
  PRIMARY KEY (project, run, key)
);
CREATE INDEX run_tags_head ON run_tags (project, experiment, key, head, run);
-- What was logged lately, in the order it comes: a batch lies together, so keeping it touches few pages. The key holds
-- every column: a batch that is sent again adds nothing.
CREATE TABLE run_metric_log (
  project TEXT NOT NULL,
  run BIGINT NOT NULL,
  key TEXT NOT NULL,
  at BIGINT NOT NULL,
  step BIGINT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  is_nan INTEGER NOT NULL,
  PRIMARY KEY (project, run, at, step, key, value, is_nan)
);
-- The same in the order histories are read in. Rows come from the log, many at a time.
CREATE TABLE run_metrics (
  project TEXT NOT NULL,
  run BIGINT NOT NULL,
  key TEXT NOT NULL,
  at BIGINT NOT NULL,
  step BIGINT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  is_nan INTEGER NOT NULL,
  PRIMARY KEY (project, run, key, at, step, value, is_nan)
);
CREATE TABLE run_latest_metrics (
  project TEXT NOT NULL,
  run BIGINT NOT NULL,
  key TEXT NOT NULL,
  experiment BIGINT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  is_nan INTEGER NOT NULL,
  at BIGINT NOT NULL,
  step BIGINT NOT NULL,
  PRIMARY KEY (project, run, key)
);
-- By run, not by value: a metric that moves stays where it is, and runs that go on together share pages. A search reads
-- all values of a metric from the index alone.
CREATE INDEX run_latest_metrics_key ON run_latest_metrics (project, experiment, key, run, is_nan, value);
