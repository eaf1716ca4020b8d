CREATE TABLE models (
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  latest_version INTEGER NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project, name)
);
CREATE TABLE model_versions (
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  version INTEGER NOT NULL,
  digest TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  facts TEXT NOT NULL,
  features TEXT NOT NULL,
  reference TEXT,
  evaluation TEXT,
  manifest TEXT NOT NULL,
  owner TEXT NOT NULL,
  tags TEXT NOT NULL,
  warnings TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  PRIMARY KEY (project, model, version)
);
CREATE INDEX model_versions_digest ON model_versions (digest);
CREATE TABLE model_aliases (
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  alias TEXT NOT NULL,
  version INTEGER NOT NULL,
  previous_version INTEGER,
  moved_at BIGINT NOT NULL,
  moved_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (project, model, alias)
);
