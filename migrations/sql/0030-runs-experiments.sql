-- The latest number given out per project, for experiments, runs and datasets.
CREATE TABLE tracking_numbers (
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  latest BIGINT NOT NULL,
  PRIMARY KEY (project, name)
);
CREATE TABLE experiments (
  project TEXT NOT NULL,
  id BIGINT NOT NULL,
  name TEXT NOT NULL,
  artifact_location TEXT NOT NULL,
  lifecycle TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project, id)
);
CREATE UNIQUE INDEX experiments_name ON experiments (project, name);
CREATE TABLE experiment_tags (
  project TEXT NOT NULL,
  experiment BIGINT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (project, experiment, key)
);
