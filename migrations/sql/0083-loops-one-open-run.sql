-- A loop may be begun by several causes at once, in several processes: a deployment has one open run, whoever is first.
CREATE UNIQUE INDEX loop_runs_one_open ON loop_runs (project, deployment) WHERE state IN ('running', 'waiting_for_approval', 'held');
