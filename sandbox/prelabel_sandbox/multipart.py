"""Multipart GraphQL requests (`operations`, `map`, files), parsed while they arrive.

Source: docs/reference/labelbox-api.md#2-8.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

_HEADER_BYTES = 16 * 1024  # the headers of a part carry the import's name twice, and it may be long


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An uploaded file in the form that resolvers get."""

    content: bytes
    filename: str


@dataclass
class Part:
    """One part of a body: its headers, whose names are in lower case, and its content."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)

    def name(self, option: bytes = b"name") -> str:
        """Return the name of the part or of its file; the official client writes quotes in it as %22."""
        _, options = parse_options_header(self.headers.get(b"content-disposition", b""))
        return options.get(option, b"").decode("utf-8", "replace").replace("%22", '"')

    def content(self) -> bytes:
        """Return the whole content."""
        return b"".join(self.pieces)


async def read_multipart(content_type: str, stream: AsyncIterator[bytes]) -> Any:
    """Return the operations, with each file at the places that the map names. Raises ValueError with the reason."""
    _, options = parse_options_header(content_type)
    if not options.get(b"boundary"):
        raise ValueError("the multipart body has no boundary")
    try:
        parts = await _parts(options[b"boundary"], stream)
    except MultipartParseError as error:
        raise ValueError(f"the multipart body cannot be read: {error}") from None
    if [part.name() for part in parts[:2]] != ["operations", "map"]:
        raise ValueError("the first parts must be operations and map")
    operations, places = (orjson.loads(part.content()) for part in parts[:2])
    _place(operations, places, parts[2:])
    return operations


async def _parts(boundary: bytes, stream: AsyncIterator[bytes]) -> list[Part]:
    parts: list[Part] = []
    header: list[bytes] = [b"", b""]
    ended = False

    def add(at: int, data: bytes, start: int, end: int) -> None:
        header[at] += data[start:end]

    def end_header() -> None:
        parts[-1].headers[header[0].lower()] = header[1]
        header[:] = [b"", b""]

    def end() -> None:
        nonlocal ended
        ended = True

    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": lambda: parts.append(Part()),
            "on_header_field": lambda data, start, end: add(0, data, start, end),
            "on_header_value": lambda data, start, end: add(1, data, start, end),
            "on_header_end": end_header,
            "on_part_data": lambda data, start, end: parts[-1].pieces.append(data[start:end]),
            "on_end": end,
        },
        max_header_size=_HEADER_BYTES,
    )
    async for chunk in stream:
        parser.write(chunk)
    if not ended:
        raise ValueError("the multipart body is cut off")
    return parts


def _place(operations: Any, places: Any, files: list[Part]) -> None:
    by_name = {part.name(): part for part in files}
    if not isinstance(operations, dict) or not isinstance(places, dict):
        raise ValueError("operations and map must be objects")
    for name, paths in places.items():
        # If there is only one file, a name without a part must mean that file.
        part = by_name.get(name) or (files[0] if len(files) == 1 else None)
        if part is None:
            raise ValueError("map names a file that is missing")
        uploaded = Uploaded(part.content(), part.name(b"filename"))
        for path in paths:
            _put(operations, str(path).split("."), uploaded)


def _put(operations: dict[str, Any], steps: list[str], content: Uploaded) -> None:
    target: Any = operations
    try:
        for step in steps[:-1]:
            target = target[int(step)] if isinstance(target, list) else target[step]
        target[int(steps[-1]) if isinstance(target, list) else steps[-1]] = content
    except (KeyError, IndexError, TypeError, ValueError):
        raise ValueError(f"map names a place that does not exist: {'.'.join(steps)}") from None
