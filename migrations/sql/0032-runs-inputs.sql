CREATE TABLE run_datasets (
  project TEXT NOT NULL,
  dataset BIGINT NOT NULL,
  experiment BIGINT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  source_type TEXT NOT NULL,
  source TEXT NOT NULL,
  schema_json TEXT,
  profile_json TEXT,
  PRIMARY KEY (project, dataset)
);
CREATE UNIQUE INDEX run_datasets_name ON run_datasets (project, experiment, name, digest);
-- context is what the tag mlflow.data.context says, beside the tags as JSON
CREATE TABLE run_dataset_inputs (
  project TEXT NOT NULL,
  run BIGINT NOT NULL,
  dataset BIGINT NOT NULL,
  tags TEXT NOT NULL,
  context TEXT,
  PRIMARY KEY (project, run, dataset)
);
CREATE INDEX run_dataset_inputs_dataset ON run_dataset_inputs (project, dataset, context);
CREATE TABLE run_models (
  project TEXT NOT NULL,
  run BIGINT NOT NULL,
  direction TEXT NOT NULL,
  model TEXT NOT NULL,
  step BIGINT NOT NULL,
  PRIMARY KEY (project, run, direction, model)
);
