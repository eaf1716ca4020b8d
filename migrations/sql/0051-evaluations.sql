-- Rows that applications of language models are evaluated on. `fields` and `record_count` describe the records.
CREATE TABLE evaluation_datasets (
  project TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  tags TEXT NOT NULL,
  digest TEXT NOT NULL,
  fields TEXT,
  record_count BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  created_by TEXT,
  updated_by TEXT,
  PRIMARY KEY (project, id)
);
CREATE INDEX evaluation_datasets_by_time ON evaluation_datasets (project, created_at, id);

-- The tags once more, to be found by; `evaluation_datasets.tags` is the record.
CREATE TABLE evaluation_dataset_tags (
  project TEXT NOT NULL,
  dataset TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (project, dataset, key)
);

CREATE TABLE evaluation_dataset_experiments (
  project TEXT NOT NULL,
  dataset TEXT NOT NULL,
  experiment TEXT NOT NULL,
  place BIGINT NOT NULL,
  PRIMARY KEY (project, dataset, experiment)
);
CREATE INDEX evaluation_dataset_experiments_by_experiment ON evaluation_dataset_experiments (project, experiment, dataset);

-- One record for each different `inputs` of a data set.
CREATE TABLE evaluation_records (
  project TEXT NOT NULL,
  dataset TEXT NOT NULL,
  id TEXT NOT NULL,
  inputs_hash TEXT NOT NULL,
  inputs TEXT NOT NULL,
  outputs TEXT NOT NULL,
  expectations TEXT,
  tags TEXT NOT NULL,
  source TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  created_by TEXT,
  updated_by TEXT,
  PRIMARY KEY (project, dataset, inputs_hash)
);
CREATE INDEX evaluation_records_by_time ON evaluation_records (project, dataset, created_at, id);

-- Programs and judges that score traces. `definition` is kept as it came; it is never run here.
CREATE TABLE scorer_versions (
  project TEXT NOT NULL,
  experiment TEXT NOT NULL,
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  scorer TEXT NOT NULL,
  definition TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project, experiment, name, version)
);
