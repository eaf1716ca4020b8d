CREATE TABLE logged_models (
  project TEXT NOT NULL,
  id TEXT NOT NULL,
  experiment BIGINT NOT NULL,
  name TEXT NOT NULL,
  artifact_location TEXT NOT NULL,
  model_type TEXT NOT NULL,
  source_run TEXT NOT NULL,
  status TEXT NOT NULL,
  lifecycle TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project, id)
);
CREATE INDEX logged_models_created ON logged_models (project, experiment, lifecycle, created_at DESC, id);
CREATE TABLE logged_model_params (
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (project, model, key)
);
CREATE TABLE logged_model_tags (
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (project, model, key)
);
-- dataset_name and dataset_digest are empty where a metric was not measured on a named dataset
CREATE TABLE logged_model_metrics (
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  key TEXT NOT NULL,
  at BIGINT NOT NULL,
  step BIGINT NOT NULL,
  run TEXT NOT NULL,
  dataset_name TEXT NOT NULL,
  dataset_digest TEXT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  is_nan INTEGER NOT NULL,
  PRIMARY KEY (project, model, key, at, step, run, dataset_name, dataset_digest)
);
