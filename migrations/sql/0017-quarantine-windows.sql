CREATE TABLE quarantine_windows (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  deployment TEXT,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  idempotency_key TEXT,
  body TEXT NOT NULL
);
CREATE INDEX quarantine_windows_newest ON quarantine_windows (project, id);
CREATE INDEX quarantine_windows_state ON quarantine_windows (state);
CREATE UNIQUE INDEX quarantine_windows_key ON quarantine_windows (project, idempotency_key);
