-- What each process that serves is asked for, told to the others twice a second. Working memory: nothing is lost with it.
CREATE TABLE serving_demand (
  node TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  -- Requests a second by bucket, as JSON; buckets by a digest of their key.
  body TEXT NOT NULL
);
