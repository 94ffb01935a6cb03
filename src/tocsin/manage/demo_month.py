"""What happened in the month of the demo, told backwards from now."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple


class Episode(NamedTuple):
    """One incident. Minutes count from its first alert; `alerts` are the instances that report it, one after the other.

    `answered` None: nobody has acknowledged it. `recovered`: its source says that it is
    over; `resolved`: a person does, with these words. Neither: it is still open. `runbook`: its alerts name one.
    """

    ago: timedelta
    service: str
    severity: str
    alertname: str
    title: str
    alerts: tuple[str, ...]
    answered: float | None = None
    notes: tuple[tuple[float, str], ...] = ()
    recovered: float | None = None
    resolved: tuple[float, str] | None = None
    runbook: bool = True


def _ago(days: float = 0, hours: float = 0, minutes: float = 0) -> timedelta:
    return timedelta(days=days, hours=hours, minutes=minutes)


MONTH: tuple[Episode, ...] = (
    Episode(
        _ago(29, 4), "orders-db", "critical", "ReplicationLag", "Replica db-2 is 14 minutes behind", ("db-2",), 6,
        ((9, "A nightly report holds a transaction open since 02:10."), (21, "Report cancelled, lag is falling.")), 34,
    ),
    Episode(
        _ago(27, 9), "storefront", "error", "HighErrorRate", "5xx above 2 % on the storefront", ("web-1", "web-3"), 3,
        ((12, "Only the new canary is affected; rolled back."),), 19,
    ),
    Episode(_ago(26, 2), "search", "warning", "IndexLag", "Search index is 40 minutes old", ("indexer-1",), 48, (), 95),
    Episode(
        _ago(24, 15), "checkout", "critical", "CardProviderTimeouts", "Card payments time out", ("pay-1", "pay-2", "pay-3"), 2,
        (
            (5, "The provider's status page is green; our traces say otherwise. Called their hotline."),
            (17, "Switched new payments to the second provider."),
            (44, "Provider confirms a faulty load balancer in their Frankfurt region."),
        ),
        None, (71, "Provider recovered, traffic moved back. No payment was lost; 212 customers saw an error."),
    ),
    Episode(_ago(23, 1), "message-queue", "error", "QueueDepth", "order-events has 180,000 waiting messages", ("mq-1",), 8, (), 41),
    Episode(_ago(21, 20), "storefront", "warning", "SlowPages", "Product pages above 1.5 s at the 95th percentile", ("web-2",), 25, (), 60),
    Episode(
        _ago(20, 6), "orders-db", "error", "DiskFilling", "Disk of db-1 is full in 5 hours", ("db-1",), 13,
        ((18, "Old WAL kept by a replication slot nobody reads. Dropped the slot."),), 27,
    ),
    Episode(_ago(18, 11), "checkout", "error", "HighErrorRate", "5xx above 2 % on checkout", ("pay-2",), 4, (), 16),
    Episode(
        _ago(17, 22), "storefront", "critical", "Down", "Storefront answers nobody", ("probe-fra", "probe-nyc", "probe-sin"), 12,
        (
            (14, "A certificate expired at the edge. Renewing by hand."),
            (26, "New certificate is out; two of three regions answer."),
        ),
        31,
    ),
    Episode(_ago(15, 3), "search", "error", "NoResults", "Share of empty result pages doubled", ("search-1",), 7, (), 52),
    Episode(_ago(13, 16), "message-queue", "warning", "ConsumerRestarts", "mailer restarts every minute", ("mailer",), 33, (), 120),
    Episode(
        _ago(12, 8), "orders-db", "critical", "PrimaryDown", "Primary db-1 does not answer", ("db-1", "pgbouncer-1"), 1,
        ((2, "Hardware fault. Failing over to db-2."), (7, "db-2 is primary, writes work.")),
        None, (38, "Failover done in 6 minutes; db-1 is being replaced."),
    ),
    Episode(_ago(10, 5), "checkout", "warning", "CartAbandonment", "Unusually many carts abandoned at payment", ("shop",), 21, (), 75,
            runbook=False),
    Episode(_ago(8, 4), "recommendations", "info", "ModelOld", "The model was not trained last night", ("trainer",), 55, (), 240),
    Episode(_ago(5, 6), "mailer", "info", "Bounces", "One in twenty confirmations bounces", ("mail-1",), 80, (), 190),
    Episode(_ago(9, 19), "storefront", "error", "HighErrorRate", "5xx above 2 % on the storefront", ("web-1", "web-2", "web-3"), 5, (), 14),
    Episode(_ago(7, 12), "message-queue", "error", "QueueDepth", "order-events has 95,000 waiting messages", ("mq-1",), 16, (), 39),
    Episode(
        _ago(6, 2), "checkout", "critical", "CardProviderTimeouts", "Card payments time out", ("pay-1", "pay-2"), 3,
        ((6, "Same picture as three weeks ago. Switched to the second provider at once."),),
        None, (22, "Provider recovered. The switch should be automatic: action item."),
    ),
    Episode(_ago(4, 21), "search", "warning", "IndexLag", "Search index is 55 minutes old", ("indexer-1",), 40, (), 88),
    Episode(_ago(3, 7), "orders-db", "error", "SlowQueries", "Median query time tripled on db-2", ("db-2",), 9, (), 47),
    Episode(_ago(1, 14), "storefront", "error", "HighErrorRate", "5xx above 2 % on the storefront", ("web-2",), 4, (), 11),
    Episode(_ago(0, 5), "search", "warning", "IndexLag", "Search index is 62 minutes old", ("indexer-1",), 37,
            ((45, "Indexer is busy with the new catalogue; should be done this afternoon."),)),
    Episode(
        _ago(0, 0, 48), "checkout", "critical", "HighErrorRate", "Checkout fails for one in five customers", ("pay-1", "pay-3"), 2,
        (
            (6, "Errors began with the 3.41 deployment of the price service."),
            (15, "Rolled back 3.41 on pay-1; errors there are gone. pay-3 next."),
        ),
    ),
    Episode(_ago(0, 0, 3), "message-queue", "error", "QueueDepth", "order-events has 60,000 waiting messages", ("mq-1",)),
)  # fmt: skip
