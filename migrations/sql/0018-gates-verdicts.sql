CREATE TABLE gate_verdicts (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  deployment TEXT,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  idempotency_key TEXT,
  body TEXT NOT NULL
);
CREATE INDEX gate_verdicts_newest ON gate_verdicts (project, id);
CREATE INDEX gate_verdicts_state ON gate_verdicts (state);
CREATE UNIQUE INDEX gate_verdicts_key ON gate_verdicts (project, idempotency_key);
