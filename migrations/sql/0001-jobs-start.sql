-- Work to be done at least once, now or later. `lease` names the claim that holds a running job.
CREATE TABLE jobs (
  id TEXT NOT NULL PRIMARY KEY,
  project TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT,
  payload TEXT NOT NULL,
  state TEXT NOT NULL,
  run_at BIGINT NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0,
  lapses INTEGER NOT NULL DEFAULT 0,
  lease TEXT,
  lease_until BIGINT,
  cancel_requested INTEGER NOT NULL DEFAULT 0,
  progress DOUBLE PRECISION NOT NULL DEFAULT 0,
  note TEXT NOT NULL DEFAULT '',
  error TEXT,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  ended_at BIGINT,
  UNIQUE (project, kind, key)
);
CREATE INDEX jobs_by_due_time ON jobs (state, run_at, id);
CREATE INDEX jobs_by_end ON jobs (state, ended_at);
CREATE INDEX jobs_by_project ON jobs (project, id);

-- Work that comes back. `last_job` is the job of the latest turn; a turn is left out while that job has not ended.
CREATE TABLE job_schedules (
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  every_ms BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
  last_job TEXT,
  PRIMARY KEY (project, name)
);
CREATE INDEX job_schedules_by_due_time ON job_schedules (next_at);
