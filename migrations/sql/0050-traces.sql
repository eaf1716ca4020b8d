-- What one request did, from its arrival to its answer. `experiment` is an experiment of the project.
CREATE TABLE traces (
  project TEXT NOT NULL,
  id TEXT NOT NULL,
  experiment TEXT NOT NULL,
  requested_at BIGINT NOT NULL,
  duration_ms BIGINT,
  state TEXT NOT NULL,
  name TEXT,
  session TEXT,
  client_request_id TEXT,
  request_preview TEXT,
  response_preview TEXT,
  input_tokens BIGINT,
  output_tokens BIGINT,
  total_tokens BIGINT,
  cache_read_input_tokens BIGINT,
  cache_creation_input_tokens BIGINT,
  cache_creation_input_tokens_above_1hr BIGINT,
  input_cost DOUBLE PRECISION,
  output_cost DOUBLE PRECISION,
  total_cost DOUBLE PRECISION,
  PRIMARY KEY (project, id)
);
CREATE INDEX traces_by_time ON traces (project, experiment, requested_at, id);
CREATE INDEX traces_by_session ON traces (project, session);

CREATE TABLE trace_tags (
  project TEXT NOT NULL,
  trace TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (project, trace, key)
);
CREATE INDEX trace_tags_by_key ON trace_tags (project, key, trace);

-- Facts that do not change once the trace has ended.
CREATE TABLE trace_metadata (
  project TEXT NOT NULL,
  trace TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (project, trace, key)
);
CREATE INDEX trace_metadata_by_key ON trace_metadata (project, key, trace);

-- One step of a request. `content` is the whole span as JSON; the columns are what it is found and counted by.
CREATE TABLE trace_spans (
  project TEXT NOT NULL,
  trace TEXT NOT NULL,
  id TEXT NOT NULL,
  parent TEXT,
  experiment TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT,
  status TEXT NOT NULL,
  started_at_us BIGINT NOT NULL,
  duration_ms BIGINT,
  input_cost DOUBLE PRECISION,
  output_cost DOUBLE PRECISION,
  total_cost DOUBLE PRECISION,
  model TEXT,
  provider TEXT,
  content TEXT NOT NULL,
  PRIMARY KEY (project, trace, id)
);
CREATE INDEX trace_spans_by_time ON trace_spans (project, experiment, started_at_us);

-- What a person, a judge or a program says of a trace. `number` is the value as a number where it has one.
CREATE TABLE trace_assessments (
  project TEXT NOT NULL,
  id TEXT NOT NULL,
  trace TEXT NOT NULL,
  experiment TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  number DOUBLE PRECISION,
  is_number INTEGER NOT NULL,
  error TEXT,
  source_type TEXT NOT NULL,
  source_id TEXT,
  span TEXT,
  rationale TEXT,
  metadata TEXT,
  of_session INTEGER NOT NULL,
  overrides TEXT,
  valid INTEGER NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project, id)
);
CREATE INDEX trace_assessments_by_trace ON trace_assessments (project, trace, created_at);
CREATE INDEX trace_assessments_by_name ON trace_assessments (project, experiment, name);

-- Runs and prompt versions that a trace belongs to; `target` is a run's id, or `name/version` of a prompt.
CREATE TABLE trace_links (
  project TEXT NOT NULL,
  trace TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (project, trace, kind, target)
);
CREATE INDEX trace_links_by_target ON trace_links (project, kind, target, trace);
