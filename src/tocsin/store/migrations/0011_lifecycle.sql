-- The life of an incident: times with their source and certainty, privacy, merging, relations.
ALTER TABLE incidents ADD COLUMN declared_at timestamptz;                    -- NULL: when it was created
ALTER TABLE incidents ADD COLUMN moments jsonb NOT NULL DEFAULT '{}';        -- moment -> {source, certainty}; the times are in their columns
ALTER TABLE incidents ADD COLUMN public_title text;                          -- what the public reads instead of the title
ALTER TABLE incidents ADD COLUMN private boolean NOT NULL DEFAULT false;     -- seen by admins and by whoever is on it (core/privacy.py)
ALTER TABLE incidents ADD COLUMN readers text[] NOT NULL DEFAULT '{}';       -- people who may see a private one besides
ALTER TABLE incidents ADD COLUMN merged_into bigint;                         -- it ended because it is the same as this one
ALTER TABLE incidents ADD COLUMN related bigint[] NOT NULL DEFAULT '{}';     -- links, kept on both ends
CREATE INDEX incidents_private ON incidents (id) WHERE private;
CREATE INDEX incidents_merged ON incidents (merged_into) WHERE merged_into IS NOT NULL;
