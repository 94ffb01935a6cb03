"""Channels carry a page or an update to one person over one contact method."""
