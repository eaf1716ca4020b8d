CREATE TABLE reference_profiles (
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  version INTEGER NOT NULL,
  digest TEXT NOT NULL,
  profile TEXT NOT NULL,
  label_rows INTEGER NOT NULL,
  label_errors INTEGER NOT NULL,
  frozen_at BIGINT NOT NULL,
  PRIMARY KEY (project, model, version)
);
CREATE TABLE monitor_states (
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (project, name)
);
