"""What this node counts about itself, as /metrics tells it. Every layer above the core may count.

docs/guide/api.md lists every metric (a test compares).
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each series, which nobody reads

REGISTRY = CollectorRegistry()
"""Our own, so that a library that counts for itself does not show up here."""

ProcessCollector(registry=REGISTRY)

EVENTS = Counter(
    "tocsin_events",
    "Events taken in, by the source they came through and what became of them.",
    ["source", "outcome"],
    registry=REGISTRY,
)
"""`source`: integration type. `outcome`: core.alert.Reason, `refused` (overload or no database), `unknown_key`."""

PINGS = Counter(
    "tocsin_pings",
    "Pings of heartbeats, by what they said.",
    ["kind"],
    registry=REGISTRY,
)
"""`kind`: core.heartbeat.PingKind."""

PAGES = Counter(
    "tocsin_pages",
    "Pages, by what happened to them.",
    ["state"],
    registry=REGISTRY,
)
"""`state`: `pending` (begun), `delivered`, `acknowledged`, `superseded`, `undelivered`."""

DELIVERIES = Counter(
    "tocsin_deliveries",
    "Attempts to carry a notification, by channel and outcome.",
    ["channel", "outcome"],
    registry=REGISTRY,
)
"""`outcome`: `delivered`, `retried` (will be tried again), `failed` (given up), `superseded` (no longer wanted)."""

DELIVERY_SECONDS = Histogram(
    "tocsin_delivery_seconds",
    "How long providers took to answer.",
    ["channel"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)

TIMER_LATENESS = Histogram(
    "tocsin_timer_lateness_seconds",
    "How long after its time a timer fired.",
    ["kind"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
    registry=REGISTRY,
)

INTAKE_SECONDS = Histogram(
    "tocsin_intake_seconds",
    "From taking up a batch of events to its commit.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)

QUEUE_DEPTH = Gauge(
    "tocsin_queue_depth",
    "What waits: events not yet committed on this node, and timers and notifications in the database.",
    ["queue"],
    registry=REGISTRY,
)
"""`queue`: `intake`, `timers`, `timers_due`, `notifications`, `notifications_due`."""

OPEN_INCIDENTS = Gauge("tocsin_open_incidents", "Incidents that are open.", ["severity"], registry=REGISTRY)

UNANSWERED = Gauge(
    "tocsin_unanswered_incidents", "Open incidents whose alarm says that no one is answering.", registry=REGISTRY
)

DATABASE_UP = Gauge("tocsin_database_up", "1 when the database answers and can be written.", registry=REGISTRY)

DATABASE_SECONDS = Gauge("tocsin_database_latency_seconds", "The last round trip to the database.", registry=REGISTRY)

CLOCK_OFFSET = Gauge(
    "tocsin_clock_offset_seconds", "The database's clock minus this node's wall clock.", registry=REGISTRY
)

TIME_TO_RESTORE = Histogram(
    "tocsin_time_to_restore_seconds",
    "From detection to restoration, of incidents as they are resolved; drills are left out.",
    ["severity"],
    buckets=(60, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 604800),
    registry=REGISTRY,
)
"""`severity`: `sev1_critical` ... `sev4_low`."""

STREAM_READERS = Gauge("tocsin_stream_readers", "Who listens to the stream on this node.", registry=REGISTRY)


def exposition() -> bytes:
    """Everything in the Prometheus text format."""
    return generate_latest(REGISTRY)
