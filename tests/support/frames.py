"""Frames of given messages, as a publisher makes them."""

from collections.abc import Iterable, Sequence

from prelabel.wire import frame


def encode_frame(
    messages: Sequence[bytes], *, lane: int, lanes: int, slow: int, form: str, traces: Sequence[bytes] = ()
) -> bytes:
    """Return a frame of messages of one lane."""
    body = frame.FrameBody(lane, len(messages), b"\n".join(messages), slow, form, traces)
    (encoded,) = frame.encode_frames([body], lanes=lanes)
    return encoded


def encode_shared_frame(
    parts: Iterable[tuple[int, Sequence[bytes], int]], *, lanes: int, form: str, traces: Sequence[bytes] = ()
) -> bytes:
    """Return a frame of messages of several lanes; `parts` has each lane, its messages and their slow annotations."""
    bodies = [(lane, len(messages), b"\n".join(messages), slow) for lane, messages, slow in parts]
    return frame.encode_shared_frame(bodies, lanes=lanes, form=form, traces=traces)
