"""Mail that did not arrive, by address: of subscribers of the status page, and of people's contact methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tocsin.store.database import Tx

LATEST = 50_000
"""So many notifications, and so many pieces of news, are looked through."""

_BOUNCES = """
WITH known AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS k (user_id, method, address)),
sent AS (
  (SELECT user_id, method, channel, state, ended_at, error FROM notifications ORDER BY id DESC LIMIT $4)
  UNION ALL
  (SELECT user_id, method, channel, state, ended_at, error FROM notices ORDER BY id DESC LIMIT $4)
),
ended AS (
  SELECT *, max(ended_at) FILTER (WHERE state = 'delivered') OVER (PARTITION BY user_id, method) AS arrived_at
  FROM sent WHERE channel = 'email' AND state IN ('delivered', 'failed')
),
bounces AS (
  SELECT 'contact_method' AS kind, user_id || ' ' || method AS key, NULL::bigint AS subscriber, user_id, method, k.address,
         'active' AS state, count(*) AS times, max(ended_at) AS at,
         (array_agg(error ORDER BY ended_at DESC))[1] AS error
  FROM ended JOIN known k USING (user_id, method)
  WHERE state = 'failed' AND ended_at > COALESCE(arrived_at, '-infinity') GROUP BY user_id, method, k.address
  UNION ALL
  SELECT 'subscriber', id::text, id, NULL, NULL, address, state, bounces, bounced_at, bounce
  FROM subscribers WHERE bounced_at IS NOT NULL AND (bounces > 0 OR state = 'suspended')
)
SELECT kind, key, subscriber, user_id, method, address, state, times, at, error FROM bounces
WHERE ($5::text IS NULL OR kind = $5) AND ($6::timestamptz IS NULL OR (at, kind, key) < ($6, $7::text, $8::text))
ORDER BY at DESC, kind DESC, key DESC LIMIT $9
"""


async def listed(
    tx: Tx, methods: Sequence[tuple[str, str, str]], kind: str | None, before: tuple[datetime, str, str] | None, limit: int
) -> list[Mapping[str, Any]]:  # fmt: skip
    """The addresses that took nothing since their last refusal, the latest first, from before (at, kind, key) on. `methods`: (person,
    contact method, address) of those that are to be looked for."""
    people, ids, addresses = zip(*methods, strict=True) if methods else ((), (), ())
    return list(
        await tx.fetch(
            _BOUNCES, list(people), list(ids), list(addresses), LATEST, kind, *(before or (None,) * 3), limit
        )
    )
