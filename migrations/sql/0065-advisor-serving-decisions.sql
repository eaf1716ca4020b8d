CREATE TABLE serving_decisions (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  deployment TEXT,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  idempotency_key TEXT,
  body TEXT NOT NULL
);
CREATE INDEX serving_decisions_newest ON serving_decisions (project, id);
CREATE INDEX serving_decisions_deployment ON serving_decisions (project, deployment, id);
