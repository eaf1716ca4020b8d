CREATE TABLE documents (
  project TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  PRIMARY KEY (project, kind, name)
);
CREATE TABLE document_versions (
  project TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  owner TEXT,
  labels TEXT NOT NULL,
  spec TEXT NOT NULL,
  deleted INTEGER NOT NULL,
  applied_at BIGINT NOT NULL,
  applied_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (project, kind, name, version)
);
