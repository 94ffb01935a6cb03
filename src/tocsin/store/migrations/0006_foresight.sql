-- What a check remembers: when each integration last sent, and which findings a team was told.
CREATE TABLE heard (
  service text NOT NULL,
  integration text NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (service, integration)
);
CREATE TABLE heard_until (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  at timestamptz NOT NULL                                  -- everything that was sent before this is in `heard`
);
CREATE TABLE check_reports (
  team text PRIMARY KEY,                                   -- '' is whoever belongs to no team
  findings jsonb NOT NULL,                                 -- what it was told, {key: [[from, to], ...]}
  until timestamptz NOT NULL,                              -- how far that check looked
  told_at timestamptz NOT NULL
);

-- A drill is an incident that is marked, left out of statistics, and ends by itself.
ALTER TABLE incidents ADD COLUMN drill boolean NOT NULL DEFAULT false;
CREATE TABLE drills (
  incident_id bigint PRIMARY KEY,
  service text NOT NULL,
  severity smallint NOT NULL,
  started_by text NOT NULL,
  started_at timestamptz NOT NULL,
  until timestamptz NOT NULL,                              -- ends then, whether somebody answered or not
  ended_at timestamptz,
  ended_because text                                       -- 'answered' | 'time_over' | 'stopped'
);
CREATE UNIQUE INDEX drills_running ON drills (service) WHERE ended_at IS NULL;
CREATE INDEX drills_newest ON drills (started_at);

-- A person's pages at a time, for `explain`.
CREATE INDEX pages_user ON pages (user_id, created_at);
