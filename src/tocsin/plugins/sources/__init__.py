"""Sources read what monitoring sends and turn it into events."""
