CREATE TABLE loop_runs (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  deployment TEXT,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  idempotency_key TEXT,
  body TEXT NOT NULL
);
CREATE INDEX loop_runs_newest ON loop_runs (project, id);
CREATE INDEX loop_runs_state ON loop_runs (state);
CREATE UNIQUE INDEX loop_runs_key ON loop_runs (project, idempotency_key);
