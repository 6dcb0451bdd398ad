"""The script of docs/reference/publish-script.md in Python, written from that page alone, and ways to call it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import redis

from prelabel.wire.keys import ProjectKeys, projects

FOLDER = Path(__file__).parents[2] / "docs/reference/schema/v1"
SCRIPT = (FOLDER / "publish_messages.lua").read_text("utf-8")
VECTORS = FOLDER / "publish_messages.json"
MAX_SLOW = 250


@dataclass
class Part:
    """The messages of one frame."""

    lane: int
    form: str
    slow: int
    lines: list[bytes]


def frames_by_the_page(call_id: str, messages: Sequence[bytes], lanes: int = 8) -> list[bytes]:
    """Return the frames that the page says a call makes."""
    parts: list[Part] = []
    newest: dict[int, Part] = {}
    for at, raw in enumerate(messages, 1):
        line = raw.replace(b"\n", b" ")
        message = _decoded(line)
        key = _data_row_key(message)
        lane = crc32(key.encode()) % lanes if key else 0
        slow = sum(map(_is_slow, message.get("annotations") or [])) if key else 0
        if key and "messageId" not in message:
            digest = hashlib.sha1(f"{call_id}\n{at}".encode()).hexdigest()
            name = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
            line = line.replace(b"{", f'{{"messageId":"{name}",'.encode(), 1)
        part = newest.get(lane)
        if part is None or part.slow + slow > MAX_SLOW:
            part = newest[lane] = Part(lane, key[0] if key else "k", 0, [])
            parts.append(part)
        part.lines.append(line)
        part.slow += slow
    return [_frame(call_id, number, part, lanes) for number, part in enumerate(parts, 1)]


def _frame(call_id: str, number: int, part: Part, lanes: int) -> bytes:
    body = b"\n".join(part.lines)
    named = f"{call_id}\n{number}\n{part.lane}\n{lanes}\n".encode() + body
    numbers = [(part.lane, 2), (lanes, 2), (len(part.lines), 4), (len(body), 4), (part.slow, 4)]
    return (
        b"\x01\x00"
        + hashlib.sha1(named).digest()[:16]
        + b"".join(number.to_bytes(size, "big") for number, size in numbers)
        + part.form.encode()
        + bytes(5)
        + body
    )


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _data_row_key(message: dict[str, Any]) -> str | None:
    row = message.get("dataRow")
    if not isinstance(row, dict):
        return None
    match row.get("id"), row.get("globalKey"):
        case str(row_id), None:
            return f"i:{row_id}"
        case None, str(global_key):
            return f"k:{global_key}"
    return None


def _is_slow(annotation: dict[str, Any]) -> bool:
    return any(annotation.get(name) for name in ("mask", "masks")) or annotation.get("bbox", {}).get("height", 0) < 0


def call(
    client: "redis.Redis",
    prefix: str,
    messages: Sequence[bytes],
    *,
    call_id: str = "call-1",
    project_id: str = "p",
    max_rows: int = 2_000_000,
) -> list[Any]:
    """Call the script as a program in another language would."""
    names = [ProjectKeys(prefix, project_id).root, projects(prefix)]
    answer: list[Any] = client.eval(SCRIPT, 2, *names, call_id, max_rows, *messages)
    return answer


def frames_in(client: "redis.Redis", prefix: str, project_id: str = "p") -> list[bytes]:
    """Return the frames in the inbox, lane by lane, in their order."""
    keys = ProjectKeys(prefix, project_id)
    lanes = int(client.hget(keys.meta, "lanes") or 0)
    entries = [entry for lane in range(lanes) for entry in client.lrange(keys.lane(lane), 0, -1)]
    return [client.hget(keys.frames, entry.split(b" ")[1]) or b"" for entry in entries]
