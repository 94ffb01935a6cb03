"""What the public was told in the month of the demo: for each episode a title in its words, and updates minute by minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tocsin.flow import updates
from tocsin.flow.context import Context
from tocsin.manage.edits import Edits, edit

SPEAKER = "user:tom"


class Word(NamedTuple):
    """One public update, `minutes` after the first alert."""

    minutes: float
    message: str
    components: Mapping[str, str] = {}


WORDS: dict[str, tuple[str, tuple[Word, ...]]] = {
    "Card payments time out": (
        "Card payments fail",
        (
            Word(12, "Many card payments fail at the moment. You are not charged when one does. We are working with our provider and write"
                     " again within half an hour.", {"cards": "partial_outage"}),
            Word(19, "New payments go by a second provider now, and work. We keep watching.", {"cards": "degraded_performance"}),
        ),
    ),
    "Storefront answers nobody": (
        "The shop cannot be reached",
        (
            Word(11, "The shop cannot be reached. We know why, and are putting it right.",
                 {"shop": "major_outage", "search": "major_outage"}),
            Word(27, "Most visitors reach the shop again. Some in Asia do not yet.",
                 {"shop": "degraded_performance", "search": "degraded_performance"}),
        ),
    ),
    "Primary db-1 does not answer": (
        "Orders cannot be placed",
        (
            Word(4, "Orders cannot be placed at the moment. Nothing that you ordered before is lost.",
                 {"orders": "major_outage", "cards": "partial_outage"}),
            Word(9, "Orders can be placed again. We are checking that all is well.",
                 {"orders": "operational", "cards": "operational"}),
        ),
    ),
    "Checkout fails for one in five customers": (
        "Some payments fail",
        (
            Word(11, "About one in five payments fails. Trying again often helps, and you are charged once only. We have found a change"
                     " that may be the cause and are taking it back; the next word comes within 30 minutes.", {"cards": "partial_outage"}),
            Word(24, "Taking the change back helps. Fewer payments fail now.", {"cards": "degraded_performance"}),
        ),
    ),
}  # fmt: skip
"""By the title of the episode."""


async def say(ctx: Context, number: int, title: str, place: int) -> None:
    """Publish the word at `place` of an episode's words; before the first one it gets its public title."""
    public, words = WORDS[title]
    if place == 0:
        await edit(ctx, number, SPEAKER, Edits(public_title=public))
    await updates.publish(
        ctx, number, SPEAKER, "public", words[place].message, components=dict(words[place].components)
    )
