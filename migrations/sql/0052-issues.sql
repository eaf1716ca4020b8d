-- Problems found in traces. A trace has one when an assessment of kind `issue` bears the issue’s id as its name.
CREATE TABLE trace_issues (
  project TEXT NOT NULL,
  id TEXT NOT NULL,
  experiment TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  status TEXT NOT NULL,
  severity TEXT,
  severity_rank INTEGER NOT NULL,
  root_causes TEXT NOT NULL,
  categories TEXT NOT NULL,
  source_run TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  created_by TEXT,
  PRIMARY KEY (project, id)
);
CREATE INDEX trace_issues_by_severity ON trace_issues (project, experiment, severity_rank, created_at);
CREATE INDEX trace_assessments_by_kind ON trace_assessments (project, kind, name, trace);
