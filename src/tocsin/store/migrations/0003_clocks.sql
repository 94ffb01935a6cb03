-- Two clocks, and what people ask of each other: pages that no rung sent, snoozes, handovers, turns.
ALTER TABLE pages
  ADD COLUMN clock text NOT NULL DEFAULT 'response'        -- what sends it: an acknowledgement stops the response clock only
    CHECK (clock IN ('response', 'progress', 'person')),
  ADD COLUMN note text NOT NULL DEFAULT '';                -- what whoever asked for it said

ALTER TABLE incidents
  ADD COLUMN snoozed_at timestamptz,
  ADD COLUMN snoozed_until timestamptz,
  ADD COLUMN snoozed_by text,
  ADD COLUMN handover jsonb,                               -- offered and not accepted yet: {from, to, by, reason, at}
  ADD COLUMN prompted_at timestamptz;                      -- whoever leads it was asked whether to escalate

-- 'progress': acknowledged, and the rungs above on call are still to come.
ALTER TABLE escalations DROP CONSTRAINT escalations_state_check;
ALTER TABLE escalations ADD CONSTRAINT escalations_state_check
  CHECK (state IN ('running', 'held', 'progress', 'stopped', 'exhausted'));

-- Whose turn it is at a step with round_robin; the row is locked until whoever takes a turn has committed.
CREATE TABLE turns (
  policy text NOT NULL,
  step integer NOT NULL,
  next bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (policy, step)
);
