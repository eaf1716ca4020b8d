CREATE TABLE webhooks (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  deployment TEXT,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  idempotency_key TEXT,
  body TEXT NOT NULL
);
CREATE INDEX webhooks_newest ON webhooks (project, id);
-- Beside the record, so that no ledger entry and no listing ever holds a secret.
CREATE TABLE webhook_secrets (
  webhook TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  secret TEXT NOT NULL
);
