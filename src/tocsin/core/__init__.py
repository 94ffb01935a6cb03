"""Pure values and decisions. `now` is always an argument: no SQL, HTTP, clock, randomness or logging in here."""
