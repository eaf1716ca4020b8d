CREATE TABLE ledger_entries (
  n BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  project TEXT NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  operation TEXT NOT NULL,
  subject TEXT NOT NULL,
  before_digest TEXT,
  after_digest TEXT,
  state TEXT NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE INDEX ledger_entries_subject ON ledger_entries (subject, n);
CREATE INDEX ledger_entries_project ON ledger_entries (project, n);
CREATE TABLE ledger_head (
  id INTEGER PRIMARY KEY,
  n BIGINT NOT NULL,
  hash TEXT NOT NULL
);
INSERT INTO ledger_head (id, n, hash) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');
