CREATE TABLE trainings (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  deployment TEXT,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  idempotency_key TEXT,
  body TEXT NOT NULL
);
CREATE INDEX trainings_newest ON trainings (project, id);
CREATE INDEX trainings_state ON trainings (state);
CREATE UNIQUE INDEX trainings_key ON trainings (project, idempotency_key);
