-- What is known of somebody's checklist beyond what can be observed. Who shadows has one without a row here.
CREATE TABLE newcomers (
  user_id text NOT NULL,
  team text NOT NULL DEFAULT '',                           -- '': schedules that belong to no team
  mentor text,
  marks jsonb NOT NULL DEFAULT '{}',                       -- item -> {by, at}: ticked by hand
  signed_by text,
  signed_at timestamptz,
  note text NOT NULL DEFAULT '',
  opened_by text,                                          -- NULL: they shadow, nobody opened it by hand
  created_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, team)
);
