"""The words of incidents, for finding them again: a full-text index beside the incidents, so that it costs nothing where they are opened.

Words are written a minute after an incident began, by whichever node comes first; what is younger is looked through as it stands. So a
search sees everything, and an event pays for nothing. Plain PostgreSQL, no extensions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tocsin.store.database import Tx

YOUNG = timedelta(seconds=60)
"""Within this time a transaction may still be about to write an incident whose creation is dated now."""
BATCH = 1000

_PLAIN = "regexp_replace({0}, '[^[:alnum:]]+', ' ', 'g')"
_FIELDS = (
    ("i.title", "A"),
    ("array_to_string(i.tags || i.affected_services, ' ')", "B"),
    ("concat_ws(' ', i.impact->>'what', i.impact->>'who', i.impact->>'workaround')", "B"),
    ("left(i.description, 20000)", "C"),
)
_OWN = " || ".join(f"setweight(to_tsvector('english', {_PLAIN.format(text)}), '{weight}')" for text, weight in _FIELDS)
_REVIEW = f"""setweight(to_tsvector('english', {
    _PLAIN.format('''left(concat_ws(' ',
  (SELECT string_agg(text, ' ') FROM review_sections s WHERE s.incident = i.id),
  (SELECT string_agg(text, ' ') FROM review_factors f WHERE f.incident = i.id)), 200000)''')
}), 'D')"""


async def write(tx: Tx, incidents: Sequence[int]) -> None:
    """Write the words of these incidents anew: what they say of themselves, and their review."""
    await tx.execute(
        f"""INSERT INTO incident_words (incident_id, words)
            SELECT i.id, {_OWN} || {_REVIEW} FROM incidents i WHERE i.id = ANY($1::bigint[])
            ON CONFLICT (incident_id) DO UPDATE SET words = EXCLUDED.words""",
        sorted(set(incidents)),
    )


async def catch_up(tx: Tx, now: datetime, limit: int = BATCH) -> int:
    """Write the words of incidents that began a while ago and have none yet. Returns how many; 0 also when another node is at it."""
    until = await tx.fetchval("SELECT greatest(until, 'epoch') FROM search FOR UPDATE SKIP LOCKED")
    if until is None or until >= now - YOUNG:
        return 0
    rows = await tx.fetch(
        """SELECT id, created_at FROM incidents WHERE created_at >= $1 AND created_at < $2
           ORDER BY created_at FETCH FIRST $3 ROWS WITH TIES""",
        until, now - YOUNG, limit,
    )  # fmt: skip
    await write(tx, [row["id"] for row in rows])
    done = rows[-1]["created_at"] + timedelta(microseconds=1) if len(rows) >= limit else now - YOUNG
    await tx.execute("UPDATE search SET until = $1", done)
    return len(rows)


# --- by what people type ----------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"[^\W_]+")


class Wanted(NamedTuple):
    """A search: `query` in the language of to_tsquery; `patterns`: its words as regular expressions; `exact`: the text has signs
    that are no words, so it must stand there literally."""

    query: str
    patterns: list[str]
    exact: bool


def wanted(text: str) -> Wanted | None:
    """All words of `text`, each also as the beginning of a word; None when it has no words."""
    words = _TOKEN.findall(text.lower())[:20]
    if not words:
        return None
    exact = bool(re.search(r"[^\w\s-]|_", text))
    return Wanted(" & ".join(f"{word}:*" for word in words), [f"(^|[^[:alnum:]]){word}" for word in words], exact)


MATCH = "w.words @@ to_tsquery('english', {0})"
"""A condition on `incident_words w`."""
YOUNG_MATCH = """concat_ws(' ', title, description, array_to_string(tags, ' '), array_to_string(affected_services, ' '), impact->>'what')
  ~* ALL ({0}::text[])"""
"""A condition on `incidents`, for those that may have no words yet: cheap, because a storm makes many of them."""


async def until(tx: Tx) -> datetime:
    """Incidents created before this have their words."""
    found: datetime = await tx.fetchval("SELECT greatest(until, 'epoch') FROM search")
    return found


# --- alike ------------------------------------------------------------------------------------------------------------

BUDGET = 2000
"""How many incidents are compared at most: those that have the rarest words."""
MOST_WORDS = 12
_YOUNG_ONES = 200


class Alike(NamedTuple):
    """An incident and how much of what was asked for it has: 0 to 1, rare words counting more."""

    incident: int
    share: float


async def alike(tx: Tx, text: str, without: Iterable[int], limit: int) -> list[Alike]:
    """Incidents whose words are like those of `text`, the likest first, then the newest."""
    words = await _lexemes(tx, text)
    if not words:
        return []
    rows = await tx.fetch(
        """SELECT a.word, (SELECT count(*) FROM (SELECT FROM incident_words WHERE words @@ plainto_tsquery('simple', a.word)
                                                 LIMIT $2) AS h) AS hits FROM unnest($1::text[]) AS a(word)""",
        words, BUDGET + 1,
    )  # fmt: skip
    hits: dict[str, int] = {row["word"]: row["hits"] for row in rows}
    weights = {word: math.log(1 + 10_000 / (1 + hits[word])) for word in words}
    candidates = await _with_any(tx, _rarest(hits))
    if len(candidates) < limit:
        candidates |= await _with_all(tx, [word for word in words if hits[word] > BUDGET])
    return await _scored(tx, weights, candidates, list(without), limit)


def _rarest(hits: Mapping[str, int]) -> list[str]:
    """The rarest words, as many as together lead to no more incidents than we want to compare."""
    chosen, sum_of = [], 0
    for word, count in sorted(hits.items(), key=lambda one: one[1]):
        sum_of += count
        if sum_of > BUDGET:
            break
        chosen.append(word)
    return chosen


async def _lexemes(tx: Tx, text: str) -> list[str]:
    """The words of a text as the index has them, the first ones first, without short numbers."""
    rows = await tx.fetch(
        f"SELECT lexeme FROM unnest(to_tsvector('english', {_PLAIN.format('$1::text')})) ORDER BY positions[1]",
        text[:20_000],
    )
    words = [row[0] for row in rows]
    return [word for word in words if len(word) > 1 and not (word.isdigit() and len(word) < 4)][:MOST_WORDS]


async def _with_any(tx: Tx, words: Sequence[str]) -> set[int]:
    rows = await tx.fetch(
        """SELECT incident_id FROM incident_words w JOIN unnest($1::text[]) AS a(word)
           ON w.words @@ plainto_tsquery('simple', a.word)""",
        list(words),
    )
    return {row[0] for row in rows}


async def _with_all(tx: Tx, words: Sequence[str]) -> set[int]:
    """The newest incidents that have all of these common words; else those that have the first three."""
    for asked in (words, words[:3]):
        rows = await tx.fetch(
            """SELECT incident_id FROM incident_words WHERE words @@ plainto_tsquery('simple', $1)
               ORDER BY incident_id DESC LIMIT 300""",
            " ".join(asked),
        )
        if rows or len(words) <= 3:
            break
    return {row[0] for row in rows}


async def _scored(
    tx: Tx, weights: Mapping[str, float], candidates: Iterable[int], without: list[int], limit: int
) -> list[Alike]:
    """How much of the weight of all words each candidate has; what is too young for the index is a candidate, too."""
    rows = await tx.fetch(
        f"""WITH asked AS (SELECT plainto_tsquery('simple', a.word) AS query, a.weight
                           FROM unnest($1::text[], $2::float8[]) AS a(word, weight)),
                 young AS (SELECT i.id, {_OWN} AS words FROM incidents i
                           WHERE i.created_at >= (SELECT until FROM search) ORDER BY i.created_at DESC LIMIT {_YOUNG_ONES}),
                 source AS (SELECT incident_id, words FROM incident_words WHERE incident_id = ANY($3::bigint[])
                            UNION SELECT id, words FROM young WHERE id NOT IN (SELECT incident_id FROM incident_words
                                                                                WHERE incident_id = ANY($3::bigint[])))
            SELECT s.incident_id, sum(a.weight) AS weight FROM source s JOIN asked a ON s.words @@ a.query
            WHERE s.incident_id <> ALL($4::bigint[]) GROUP BY s.incident_id ORDER BY weight DESC, s.incident_id DESC LIMIT $5""",
        list(weights), list(weights.values()), sorted(candidates), without, limit,
    )  # fmt: skip
    whole = sum(weights.values()) or 1.0
    return [Alike(row["incident_id"], row["weight"] / whole) for row in rows]


async def known_ends(tx: Tx, incidents: Sequence[int]) -> dict[int, str]:
    """What people said when they restored or resolved each of these, the last word."""
    rows: Sequence[Mapping[str, Any]] = await tx.fetch(
        """SELECT DISTINCT ON (incident_id) incident_id, details FROM timeline
           WHERE incident_id = ANY($1::bigint[]) AND kind IN ('restored', 'resolved')
             AND (actor LIKE 'user:%' OR actor LIKE 'token:%') AND details NOT IN ('Resolved', 'Restored')
           ORDER BY incident_id, seq DESC""",
        list(incidents),
    )
    return {row["incident_id"]: row["details"] for row in rows}


async def reviewed(tx: Tx, incidents: Sequence[int]) -> set[int]:
    """Those of these incidents whose review is published."""
    rows = await tx.fetch(
        "SELECT incident FROM reviews WHERE state = 'published' AND incident = ANY($1::bigint[])", list(incidents)
    )
    return {row[0] for row in rows}
