"""What the command palette offers: pages, and incidents by name or words."""

from __future__ import annotations

from dataclasses import dataclass

from litestar import Response, get

from tocsin.core.permission import Permission
from tocsin.manage import incidents
from tocsin.web.authentication import AnyRequest, asked, context, may, viewer_of
from tocsin.web.pages import show
from tocsin.web.viewer import Viewer


@dataclass(frozen=True)
class Place:
    href: str
    icon: str
    title: str
    words: str = ""
    permission: Permission | None = None


PLACES = (
    Place("/", "now", "Now", "home open start"),
    Place("/incidents", "list", "Incidents", "search past", "see_incidents"),
    Place("/incidents/new", "plus", "Declare an incident", "new create", "declare"),
    Place("/queues", "list", "Queues", "team waiting minor sev4 digest tickets", "see_incidents"),
    Place("/alerts", "bell", "Alerts", "firing", "see_alerts"),
    Place("/oncall", "person", "On call", "schedule who rota", "see_on_call"),
    Place("/schedules", "clock", "Schedules", "calendar shifts rota override", "see_on_call"),
    Place("/people", "person", "People", "users teams leaves hand over successor remove", "see_on_call"),
    Place("/teams", "person", "Teams", "business hours holidays working days members", "see_on_call"),
    Place("/policies", "up", "Escalation policies", "ladder steps preset tiers who is paged next", "see_on_call"),
    Place("/health", "heart", "On-call health", "load pages night sleep shift improvement verdict", "see_on_call"),
    Place("/pay", "note", "Pay and time off", "money hours rates csv lieu salary", "see_on_call"),
    Place("/handoffs", "relay", "Handoffs", "shift sign planned events watch", "see_on_call"),
    Place("/newcomers", "person", "New on call", "shadow checklist mentor ready alone", "see_on_call"),
    Place("/check", "target", "Check", "foresight gaps readiness ninety days", "see_configuration"),
    Place("/rehearse", "now", "Rehearse", "foresight who would be paged payload", "rehearse"),
    Place("/drills", "bell", "Drills", "foresight test page practise", "see_pages"),
    Place("/explain", "lens", "Explain a minute", "foresight was i on call paged why", "see_pages"),
    Place("/services", "cubes", "Services", "integrations keys", "see_services"),
    Place("/severities", "list", "Severities", "matrix policy business hours sev1 response", "see_configuration"),
    Place("/status-page", "eye", "Status page", "public components subscribers uptime", "see_configuration"),
    Place("/status-page/subscribers", "mail", "Subscribers of the status page", "e-mail letters bounce", "configure"),
    Place("/mutes", "mute", "Mutes", "silence maintenance window inhibition", "see_alerts"),
    Place("/mutes/new", "mute", "Mute alerts", "silence maintenance new create", "mute"),
    Place("/rooms", "note", "Rooms", "chat outside webhook failed deliveries", "see_configuration"),
    Place("/heartbeats", "beat", "Heartbeats", "cron job ping healthcheck", "see_services"),
    Place("/tokens", "key", "Tokens and sign-in links", "api access password", "manage_access"),
    Place(
        "/me",
        "phone",
        "How you are reached",
        "contact methods phone rules quiet hours verify notification",
        "reach_self",
    ),
    Place("/me/history", "bell", "What rang you", "history notifications receipts why", "reach_self"),
    Place("/me/news", "note", "What you were told", "news copies updates reminders receipts", "reach_self"),
    Place("/account", "person", "Your account", "password theme zone dark light sign out"),
    Place("/welcome", "link", "What to do first", "help welcome set up"),
)
MOST = 8


@get("/palette", guards=may(), name="palette", include_in_schema=False)
async def palette(request: AnyRequest) -> Response[bytes]:
    ctx, viewer, text = context(request), viewer_of(request), asked(request, "q")[:200]
    places = [*_places(viewer, text), *_services(request, viewer, text)]
    found = await incidents.list_incidents(ctx, q=text or None, status=None if text else "open", limit=MOST)
    return await show(request, viewer, "palette/found.html", places=places, incidents=found["items"])


def _places(viewer: Viewer, text: str) -> list[Place]:
    """Those that fit; what is called so comes before what only has to do with it."""
    wanted = text.lower().split()
    fitting = [
        place
        for place in PLACES
        if (place.permission is None or viewer.may(place.permission))
        and all(word in f"{place.title} {place.words}".lower() for word in wanted)
    ]
    return sorted(fitting, key=lambda place: not place.title.lower().startswith(" ".join(wanted)))


def _services(request: AnyRequest, viewer: Viewer, text: str) -> list[Place]:
    if not text or not viewer.may("see_services"):
        return []
    known = context(request).directory.services.values()
    fitting = [s for s in known if text.lower() in f"{s.id} {s.label}".lower()]
    return [Place(f"/services/{s.id}", "cubes", s.label) for s in fitting[:MOST]]
