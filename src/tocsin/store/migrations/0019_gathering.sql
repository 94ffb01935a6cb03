-- An incident into which others were merged keeps their alerts: what comes again, or belongs to a group of theirs, joins it while it is open.
ALTER TABLE incidents ADD COLUMN gathers boolean NOT NULL DEFAULT false;   -- others were merged into it
CREATE INDEX incidents_gathering ON incidents (id) WHERE gathers AND status NOT IN ('resolved', 'closed');
CREATE INDEX incidents_merged_group ON incidents (service, group_key, created_at) WHERE merged_into IS NOT NULL AND group_key IS NOT NULL;
ALTER TABLE alerts ADD COLUMN merged boolean NOT NULL DEFAULT false;       -- part of a merge: what comes again under its key goes there
CREATE INDEX alerts_merged ON alerts (service, dedup_key) WHERE merged;
