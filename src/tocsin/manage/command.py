"""Who commands an incident, as every view of it tells: taken, acting, or missed for too long."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.core.milder import decides
from tocsin.core.role import acting_commander, commander_due
from tocsin.core.severity import Severity
from tocsin.manage.lists import time_text
from tocsin.store.reading_incidents import Row


def command_view(row: Row, now: datetime) -> dict[str, Any]:
    """`{"acting_commander", "commander_due", "no_commander", "decides_severity"}`.

    `acting_commander`: who stands in while nobody has taken command. `commander_due`: by when somebody has to; `no_commander`: that
    time has passed. `decides_severity`: whose it is to make the severity milder (null: anybody's).
    """
    roles = row["roles"]
    calm = row["status"] in ("monitoring", "resolved", "closed") or row["drill"]
    since = row["clocks_since"] or row["created_at"]
    due = None if calm else commander_due(row["severity"], roles, since, row["uncommanded_at"])
    return {
        "acting_commander": acting_commander(roles, row["acknowledged_by"], row["assignee"]),
        "commander_due": time_text(due),
        "no_commander": due is not None and due <= now,
        "decides_severity": decides(Severity(row["severity"]), roles, row["acknowledged_by"], row["assignee"]),
    }
