-- A tree of files for each project: a row for every file and every folder above one. Folders have no digest.
CREATE TABLE artifacts (
  project TEXT NOT NULL,
  path TEXT NOT NULL,
  folder TEXT NOT NULL,
  digest TEXT,
  size_bytes BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project, path)
);
CREATE INDEX artifacts_folder ON artifacts (project, folder, path);
CREATE INDEX artifacts_digest ON artifacts (digest);
-- Files that arrive in parts, until they are put together or given up.
CREATE TABLE artifact_uploads (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  path TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX artifact_uploads_age ON artifact_uploads (created_at);
CREATE INDEX artifact_uploads_project ON artifact_uploads (project);
CREATE TABLE artifact_upload_parts (
  project TEXT NOT NULL,
  upload TEXT NOT NULL,
  number INTEGER NOT NULL,
  digest TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  PRIMARY KEY (upload, number)
);
CREATE INDEX artifact_upload_parts_digest ON artifact_upload_parts (digest);
