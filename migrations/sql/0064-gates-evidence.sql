CREATE TABLE gate_evidence (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  -- The digest of the file that was loaded, or model/version where the version has none.
  subject TEXT NOT NULL,
  at BIGINT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX gate_evidence_subject ON gate_evidence (project, subject, id);
CREATE INDEX gate_evidence_model ON gate_evidence (project, model, id);
