"""The incident system as an in-memory library, over the same core as the server.

For scripts, notebooks and tests that want incidents without a database: nothing is sent, nothing is kept when the process ends.
`python -m tocsin.library` shows it at work. One line, `from tocsin.library import *`, serves imports of older names.
"""

from __future__ import annotations

from tocsin.library.incidents import Incident, IncidentStatus, IncidentTimeline, SeverityLevel
from tocsin.library.pagerduty import PagerDutyError, PagerDutyIntegration
from tocsin.library.reviews import PostIncidentReviewGenerator
from tocsin.library.system import IncidentResponseSystem

__all__ = [
    "Incident",
    "IncidentResponseSystem",
    "IncidentStatus",
    "IncidentTimeline",
    "PagerDutyError",
    "PagerDutyIntegration",
    "PostIncidentReviewGenerator",
    "SeverityLevel",
]
