-- Declaring: the first steps of a response with what became of each, where an imported incident came from, the words it is found by.
ALTER TABLE incidents ADD COLUMN external_id text;                           -- of an imported one: its id where it came from
ALTER TABLE incidents ADD COLUMN imported_at timestamptz;
ALTER TABLE incidents ADD COLUMN hand_tags jsonb NOT NULL DEFAULT '{}';      -- {"added": [...], "removed": [...]}: tags that people gave and took
CREATE UNIQUE INDEX incidents_external ON incidents (external_id) WHERE external_id IS NOT NULL;

-- What is done about an incident at its beginning besides paging. Each row is a job: claimed by the timer `response` of its incident.
CREATE TABLE response_steps (
  incident_id bigint NOT NULL,
  step text NOT NULL,                                      -- closed list (core/response.py)
  state text NOT NULL CHECK (state IN ('waiting', 'sent', 'delivered', 'failed', 'skipped')),
  detail text NOT NULL DEFAULT '',                         -- what became of it, for people
  due_at timestamptz,                                      -- when it is tried (again); NULL: it is over
  attempts integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (incident_id, step)
);

-- By which words an incident is found; written off the path of events, a moment after it began (store/search.py).
CREATE TABLE incident_words (
  incident_id bigint PRIMARY KEY,
  words tsvector NOT NULL
);
CREATE INDEX incident_words_found ON incident_words USING gin (words);
CREATE TABLE search (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  until timestamptz NOT NULL DEFAULT '-infinity'           -- incidents created before this have their words
);
INSERT INTO search DEFAULT VALUES;
