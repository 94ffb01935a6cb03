"""Rooms where responders talk, outside of the incident's page."""
