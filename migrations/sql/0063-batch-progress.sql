-- How far a run is that is under way; what it came to is in the run itself.
CREATE TABLE batch_progress (
  run TEXT PRIMARY KEY,
  chunks INTEGER NOT NULL,
  chunks_done INTEGER NOT NULL,
  rows_in BIGINT NOT NULL,
  rows_out BIGINT NOT NULL
);
