-- The rules that incidents keep from their beginning to their end: the severity matrix and business hours of their service, as they
-- were. Named by their content (core/matrix.py), so that all incidents under the same rules share one row.
CREATE TABLE matrices (
  id bigint PRIMARY KEY,
  body jsonb NOT NULL,
  created_at timestamptz NOT NULL
);

ALTER TABLE incidents
  ADD COLUMN matrix bigint,                                -- its rules; NULL: an older release opened it, today's hold
  ADD COLUMN clocks_since timestamptz;                     -- its severity's clocks count from then; NULL: from its creation
