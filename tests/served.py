"""The application over a world."""

from __future__ import annotations

from litestar import Litestar

from tocsin.serving import create_routes, put_on

from .story.world import World

_made: list[tuple[Litestar, World]] = []
"""Making the routes takes longer than most stories: they are handed on when their world has ended."""


def app_of(world: World) -> Litestar:
    """The application on this world's first node."""
    rests = next((one for one in _made if one[1].ended), None)
    if rests is not None:
        _made.remove(rests)
    app = create_routes() if rests is None else rests[0]
    _made.append((app, world))
    put_on(app, world.ctx, world.intake, world.engine)
    return app
