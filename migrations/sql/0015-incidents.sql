CREATE TABLE incidents (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  deployment TEXT,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  idempotency_key TEXT,
  body TEXT NOT NULL
);
CREATE INDEX incidents_newest ON incidents (project, id);
CREATE INDEX incidents_state ON incidents (state);
CREATE UNIQUE INDEX incidents_key ON incidents (project, idempotency_key);
