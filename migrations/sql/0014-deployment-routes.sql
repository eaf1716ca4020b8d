CREATE TABLE deployment_routes (
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  mode TEXT NOT NULL,
  challenger_version INTEGER,
  percent DOUBLE PRECISION NOT NULL,
  rollout TEXT,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (project, name)
);
