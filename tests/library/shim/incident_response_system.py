"""What an importer of the older name needs: this one line."""

from tocsin.library import *  # noqa: F403
