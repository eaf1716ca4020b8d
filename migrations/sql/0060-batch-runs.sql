-- One scoring of one partition. `identity` names model version, partition and pipeline: what makes two runs the same.
CREATE TABLE batch_runs (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  batch TEXT NOT NULL,
  ds TEXT NOT NULL,
  state TEXT NOT NULL,
  identity TEXT NOT NULL,
  backfill TEXT,
  at BIGINT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX batch_runs_newest ON batch_runs (project, batch, id);
CREATE INDEX batch_runs_partition ON batch_runs (project, batch, ds, id);
CREATE INDEX batch_runs_backfill ON batch_runs (project, backfill);
