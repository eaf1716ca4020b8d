-- Folders as they were when something was made of them: the files of a tree never change. Its id is made of its content.
CREATE TABLE artifact_trees (
  project TEXT NOT NULL,
  tree TEXT NOT NULL,
  path TEXT NOT NULL,
  digest TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  PRIMARY KEY (project, tree, path)
);
CREATE INDEX artifact_trees_digest ON artifact_trees (digest);
CREATE INDEX artifact_trees_age ON artifact_trees (used_at);
