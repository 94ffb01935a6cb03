-- Who writes a review is reminded, and its meeting is put into calendars: what was sent already.
ALTER TABLE reviews
  ADD COLUMN reminded integer NOT NULL DEFAULT 0,          -- the last reminder that its owner got (core/due.py counts them)
  ADD COLUMN invited integer NOT NULL DEFAULT -1;          -- the meeting_sequence to which people were asked; -1: to none

-- A message may bring an appointment along (iCalendar).
ALTER TABLE notices ADD COLUMN calendar text NOT NULL DEFAULT '';

-- Times that nobody can write any more, because calendars of people's zones cannot show them.
UPDATE incidents SET
  detected_at = GREATEST(LEAST(detected_at, created_at), '1970-01-01Z'),
  impact_started_at = CASE WHEN impact_started_at BETWEEN '1970-01-01Z' AND '2200-01-01Z' THEN impact_started_at END,
  acknowledged_at = LEAST(GREATEST(acknowledged_at, '1970-01-01Z'), '2200-01-01Z'),
  engaged_at = CASE WHEN engaged_at BETWEEN '1970-01-01Z' AND '2200-01-01Z' THEN engaged_at END,
  identified_at = CASE WHEN identified_at BETWEEN '1970-01-01Z' AND '2200-01-01Z' THEN identified_at END,
  restored_at = LEAST(GREATEST(restored_at, '1970-01-01Z'), '2200-01-01Z'),
  resolved_at = LEAST(GREATEST(resolved_at, '1970-01-01Z'), '2200-01-01Z'),
  closed_at = LEAST(GREATEST(closed_at, '1970-01-01Z'), '2200-01-01Z')
WHERE LEAST(detected_at, impact_started_at, acknowledged_at, engaged_at, identified_at, restored_at, resolved_at, closed_at) < '1970-01-01Z'
   OR GREATEST(impact_started_at, acknowledged_at, engaged_at, identified_at, restored_at, resolved_at, closed_at) > '2200-01-01Z';
