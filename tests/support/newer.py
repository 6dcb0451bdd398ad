"""A release to come: it knows version 3 of frames, whose body is back to front. `newer_worker` is a worker of it."""

from importlib import resources

from prelabel.wire import frame
from prelabel_worker.chunks import chunk

KNOWN = frame.read_messages


def written(old: bytes) -> bytes:
    """A frame as that release's producers write it."""
    return b"\x03" + old[1 : frame.HEADER.size] + old[frame.HEADER.size :][::-1]


def _read_messages(stored: bytes) -> list[bytes]:
    if stored[:1] == b"\x03":
        stored = b"\x01" + written(stored)[1:]
    return KNOWN(stored)


def publish_script() -> str:
    """Its publish.lua: all versions, and lane entries of one field more."""
    text = resources.files("prelabel.publishing").joinpath("publish.lua").read_text("utf-8")
    for old, new in (
        ("if version ~= 1 then", "if version > 3 then"),
        ("string.format('%.0f', now)}, ' '))", "string.format('%.0f', now), 'more'}, ' '))"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


def main() -> object:
    """The app of that release; only in a process of its own, since it changes the modules."""
    frame.VERSION, frame.read_messages = 3, _read_messages  # type: ignore[misc]
    chunk.KNOWN_VERSION = 3  # type: ignore[misc]
    from prelabel_worker.celery import app

    return app
