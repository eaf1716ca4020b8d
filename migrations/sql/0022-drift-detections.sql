CREATE TABLE detections (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  deployment TEXT,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  idempotency_key TEXT,
  body TEXT NOT NULL
);
CREATE INDEX detections_newest ON detections (project, id);
CREATE INDEX detections_state ON detections (state);
CREATE UNIQUE INDEX detections_key ON detections (project, idempotency_key);
