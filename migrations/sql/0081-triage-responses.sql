-- How a detection was answered, by whom and why, with the diagnosis as it stood then.
CREATE TABLE detection_responses (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  deployment TEXT,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  idempotency_key TEXT,
  body TEXT NOT NULL
);
CREATE INDEX detection_responses_newest ON detection_responses (project, id);
CREATE UNIQUE INDEX detection_responses_key ON detection_responses (project, idempotency_key);
