CREATE TABLE alerts (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  deployment TEXT,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  idempotency_key TEXT,
  body TEXT NOT NULL
);
CREATE INDEX alerts_newest ON alerts (project, id);
CREATE INDEX alerts_state ON alerts (state);
CREATE UNIQUE INDEX alerts_key ON alerts (project, idempotency_key);
