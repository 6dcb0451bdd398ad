"""An imagined next release: it knows version 3 of frames, whose body is reversed. `newer_worker` is a worker of it."""

from importlib import resources

from prelabel.wire import frame
from prelabel_worker.chunks import chunk

KNOWN = frame.read_messages


def written(old: bytes) -> bytes:
    """Return a frame as the producers of that release write it."""
    return b"\x03" + old[1 : frame.HEADER.size] + old[frame.HEADER.size :][::-1]


def _read_messages(stored: bytes) -> list[bytes]:
    if stored[:1] == b"\x03":
        stored = b"\x01" + written(stored)[1:]
    return KNOWN(stored)


def publish_script() -> str:
    """Return the publish.lua of that release: it accepts all versions, and writes lane entries with one more field."""
    text = resources.files("prelabel.publishing").joinpath("publish.lua").read_text("utf-8")
    for old, new in (
        ("if version ~= 1 then", "if version > 3 then"),
        ("string.format('%.0f', now)}, ' '))", "string.format('%.0f', now), 'more'}, ' '))"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


def main() -> object:
    """Return the app of that release. Call it only in a process of its own, since it changes the modules."""
    frame.VERSION, frame.read_messages = 3, _read_messages  # type: ignore[misc]
    chunk.KNOWN_VERSION = 3  # type: ignore[misc]
    from prelabel_worker.celery import app

    return app
