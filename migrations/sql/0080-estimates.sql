-- What estimates of a version's quality rest on: a blob with the fitted reference and labelled rows of it.
CREATE TABLE estimator_references (
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  version INTEGER NOT NULL,
  digest TEXT NOT NULL,
  row_count INTEGER NOT NULL,
  fitted_at BIGINT NOT NULL,
  PRIMARY KEY (project, model, version)
);
-- Windows of a monitor with their estimated quality, and what labels said of it.
CREATE TABLE quality_estimates (
  project TEXT NOT NULL,
  monitor TEXT NOT NULL,
  from_ms BIGINT NOT NULL,
  model_version INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (project, monitor, from_ms)
);
