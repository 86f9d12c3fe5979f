"""Invented outside sources on this machine, with bad moods: what demonstrations and tests ask instead of the world.

    with Sources() as sources:
        sources.url("ok", "registry")        # http://127.0.0.1:PORT/moods/ok/registry
        sources.url("down", "geocoder")      # the same geocoder, but each request gets a 503

Nothing here knows jurat. Towns, streets, people and numbers do not exist.
"""

from examples.sources.answer import Answer
from examples.sources.moods import Mood
from examples.sources.server import Sources

__all__ = ["Answer", "Mood", "Sources"]
