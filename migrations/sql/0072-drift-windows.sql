-- The whole table of a version's reference rows in little, as a blob: bins of every column and a sample of rows.
ALTER TABLE reference_profiles ADD COLUMN table_digest TEXT;
-- Windows of a monitor as they were judged, and what the monitor made of them.
CREATE TABLE drift_windows (
  project TEXT NOT NULL,
  monitor TEXT NOT NULL,
  from_ms BIGINT NOT NULL,
  model_version INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (project, monitor, from_ms)
);
-- How each hour of a day or of a week looked, over the bins of a version's reference.
CREATE TABLE season_profiles (
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  version INTEGER NOT NULL,
  season TEXT NOT NULL,
  digest TEXT NOT NULL,
  row_count BIGINT NOT NULL,
  buckets TEXT NOT NULL,
  frozen_at BIGINT NOT NULL,
  PRIMARY KEY (project, model, version, season)
);
