"""An imagined next release: it knows version 4 of frames, whose body is reversed. `newer_worker` is a worker of it."""

from importlib import resources

from prelabel.wire import frame
from prelabel_worker.chunks import chunk

_READ_HEADER, _READ_MESSAGES = frame.read_header, frame.read_messages


def written(old: bytes) -> bytes:
    """Return a frame of one lane as the producers of that release write it."""
    assert old[0] == frame.ONE_LANE
    return b"\x04" + old[1 : frame.HEADER.size] + old[frame.HEADER.size :][::-1]


def _known(stored: bytes) -> bytes:
    """Return a frame of that release as one of ours."""
    if stored[:1] != b"\x04":
        return stored
    return b"\x01" + stored[1 : frame.HEADER.size] + stored[frame.HEADER.size :][::-1]


def _read_header(stored: bytes) -> frame.FrameHeader:
    return _READ_HEADER(_known(stored))


def _read_messages(stored: bytes) -> list[bytes]:
    return _READ_MESSAGES(_known(stored))


def publish_script() -> str:
    """Return the publish.lua of that release: it accepts all versions, and writes lane entries with one more field."""
    text = resources.files("prelabel.publishing").joinpath("publish.lua").read_text("utf-8")
    for old, new in (
        ("if version ~= 1 and version ~= 3 then", "if version > 4 then"),
        ("if version == 3 then entry[9] = low end", "entry[9] = version == 3 and low or 'more'"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


def main() -> object:
    """Return the app of that release. Call it only in a process of its own, since it changes the modules."""
    frame.VERSION, frame.read_messages, frame.read_header = 4, _read_messages, _read_header  # type: ignore[misc]
    chunk.KNOWN_VERSION = 4  # type: ignore[misc]
    from prelabel_worker.celery import app

    return app
