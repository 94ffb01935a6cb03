"""Query parameters whose names Python keeps for itself."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

From = Annotated[str | None, QueryParameter(name="from", description="RFC 3339; included")]
To = Annotated[str | None, QueryParameter(name="to", description="RFC 3339; not included")]
