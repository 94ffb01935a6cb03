"""The store of facts (flow/facts.py) under the name by which views know it."""

from __future__ import annotations

from tocsin.flow.facts import Facts, facts, facts_of

__all__ = ["Facts", "facts", "facts_of"]
