-- One record for everything a version can be: an ONNX file that serves, a folder of artifacts, a prompt, a place elsewhere.
ALTER TABLE models ADD COLUMN description TEXT;
ALTER TABLE models ADD COLUMN tags TEXT;
ALTER TABLE models ADD COLUMN updated_at BIGINT;
ALTER TABLE models ADD COLUMN created_by TEXT;
DROP INDEX model_versions_digest;
CREATE TABLE model_version_records (
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  version INTEGER NOT NULL,
  digest TEXT,
  size_bytes BIGINT,
  facts TEXT,
  features TEXT NOT NULL,
  reference TEXT,
  evaluation TEXT,
  manifest TEXT NOT NULL,
  owner TEXT NOT NULL,
  tags TEXT NOT NULL,
  warnings TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  format TEXT,
  source TEXT,
  run_id TEXT,
  stage TEXT,
  updated_at BIGINT,
  record TEXT,
  PRIMARY KEY (project, model, version)
);
INSERT INTO model_version_records (
  project, model, version, digest, size_bytes, facts, features, reference, evaluation, manifest, owner, tags, warnings, created_at, created_by
)
SELECT project, model, version, digest, size_bytes, facts, features, reference, evaluation, manifest, owner, tags, warnings, created_at, created_by
FROM model_versions;
DROP TABLE model_versions;
ALTER TABLE model_version_records RENAME TO model_versions;
CREATE INDEX model_versions_digest ON model_versions (digest);
CREATE INDEX model_versions_run ON model_versions (project, run_id);
