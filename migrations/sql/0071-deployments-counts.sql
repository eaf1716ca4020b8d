-- Requests of each key in a calendar period, over all processes and restarts.
CREATE TABLE serving_quotas (
  project TEXT NOT NULL,
  deployment TEXT NOT NULL,
  caller TEXT NOT NULL,
  period TEXT NOT NULL,
  ends_at BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (project, deployment, caller, period)
);
CREATE INDEX serving_quotas_ends ON serving_quotas (ends_at);
-- How often a rollout's challenger was asked, and failed, over all processes.
CREATE TABLE serving_challengers (
  project TEXT NOT NULL,
  deployment TEXT NOT NULL,
  rollout TEXT NOT NULL,
  rows_scored BIGINT NOT NULL,
  rows_failed BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (project, deployment, rollout)
);
