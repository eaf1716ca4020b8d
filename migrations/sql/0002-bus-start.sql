-- What has happened, written in the transaction that made it happen. `position` is given afterwards, one by one, so that
-- a reader who has seen position n has seen all before it.
CREATE TABLE outbox (
  id TEXT NOT NULL PRIMARY KEY,
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  subject TEXT NOT NULL,
  data TEXT NOT NULL,
  at BIGINT NOT NULL,
  position BIGINT UNIQUE
);
CREATE INDEX outbox_by_project ON outbox (project, position);

-- One row. `position` is the last one given; `sent` the last one the transport between processes has taken.
CREATE TABLE bus_state (
  id TEXT NOT NULL PRIMARY KEY,
  installation TEXT NOT NULL,
  position BIGINT NOT NULL,
  sent BIGINT NOT NULL
);

-- Who wants to be told of which event, whatever process it lives in. `seen_at` is when such a process was last there.
CREATE TABLE bus_subscriptions (
  subscriber TEXT NOT NULL,
  event TEXT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (subscriber, event)
);
