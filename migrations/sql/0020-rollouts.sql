CREATE TABLE rollouts (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  deployment TEXT,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  idempotency_key TEXT,
  body TEXT NOT NULL
);
CREATE INDEX rollouts_newest ON rollouts (project, id);
CREATE INDEX rollouts_state ON rollouts (state);
CREATE UNIQUE INDEX rollouts_key ON rollouts (project, idempotency_key);
CREATE TABLE rollout_evidence (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  deployment TEXT,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  idempotency_key TEXT,
  body TEXT NOT NULL
);
CREATE INDEX rollout_evidence_newest ON rollout_evidence (project, id);
CREATE INDEX rollout_evidence_state ON rollout_evidence (state);
CREATE UNIQUE INDEX rollout_evidence_key ON rollout_evidence (project, idempotency_key);
