-- Whether an alert of an incident still fires is asked whenever one ends: found without a look at those that ended, however many.
CREATE INDEX alerts_of_incident ON alerts (incident_id, (resolved_at IS NULL));
DROP INDEX alerts_incident;
