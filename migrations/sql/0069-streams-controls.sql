-- Whether a stream is held, and by whom.
CREATE TABLE stream_controls (
  project TEXT NOT NULL,
  stream TEXT NOT NULL,
  paused INTEGER NOT NULL,
  changed_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (project, stream)
);
-- How far a group of readers over HTTP has come in an embedded subject.
CREATE TABLE stream_offsets (
  project TEXT NOT NULL,
  subject TEXT NOT NULL,
  reader_group TEXT NOT NULL,
  position BIGINT NOT NULL,
  PRIMARY KEY (project, subject, reader_group)
);
