"""The most expensive messages: for each annotation kind, the messages within the limits that cost the most work.

The limits are in docs/reference/messages.md. `benchmarks/most_expensive.py` measures these messages; tests compare the
results of the checks and count their work.
"""

import base64
import itertools
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel.annotations.kinds import KINDS
from prelabel.annotations.png import GRAY, RGB, SIGNATURE
from prelabel.validation.gate import MAX_MESSAGE_BYTES

PROJECT = "p"
_ROOM = 1000
"""Bytes that are kept free for the rest of a message around its annotations, or of an annotation around its list."""
FEATURES = 40
"""Number of features of each tool. With 5,000 annotations of each, a message is full before a limit per feature."""
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
DEEP = 19
"""Levels of classifications below the first: the maximum."""

Annotation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Expensive:
    """A message at a limit."""

    #: Name of the annotation kind.
    kind: str
    #: What makes it expensive.
    shape: str
    #: Media type of its project.
    media: str
    #: The message as JSON.
    raw: bytes
    #: Whether publishing accepts it and the ontology has its features; otherwise it is refused.
    fits: bool = True


def _name(tool: str, at: int) -> str:
    return LETTERS[_TOOLS.index(tool)] + LETTERS[at]


_TOOLS = sorted({tool for kind in KINDS for tool in kind.tools})


def _id(tool: str, at: int) -> str:
    return f"{_name(tool, at)}{0:023d}"


def _nested(level: int, form: str) -> list[dict[str, Any]]:
    """Return classifications below an object or an option, nested `level` levels deep."""
    if not level:
        return []
    options = [{"value": "o", "label": "o", "featureSchemaId": f"o{level:024d}", "options": _nested(level - 1, form)}]
    return [{"type": form, "name": "n", "featureSchemaId": f"n{level:024d}", "options": options}]


def _feature(tool: str, at: int) -> dict[str, Any]:
    common = {"name": _name(tool, at), "featureSchemaId": _id(tool, at)}
    if not any(tool in kind.tools and kind.classifies for kind in KINDS):
        return {"tool": tool, "classifications": _nested(DEEP + 1, "radio"), **common}
    options = (
        [{"value": f"{n}", "label": f"{n}", "featureSchemaId": f"{n:025d}"} for n in range(5000)] if not at else []
    )
    deep = {"value": "o", "label": "o", "featureSchemaId": f"o{at:024d}", "options": _nested(DEEP, "radio")}
    return {"type": tool, "options": [deep, *options], **common}


def ontology() -> dict[str, Any]:
    """Return the answer to `ontology.normalized` for a project that accepts all these messages."""
    features = [_feature(tool, at) for tool in _TOOLS for at in range(FEATURES)]
    return {
        "tools": [feature for feature in features if "tool" in feature],
        "classifications": [feature for feature in features if "type" in feature],
    }


def message(annotations: list[Annotation]) -> bytes:
    """Return a message with these annotations as JSON, with the longest global key."""
    return orjson.dumps(
        {"messageId": "m", "projectId": PROJECT, "dataRow": {"globalKey": "k" * 200}, "annotations": annotations}
    )


def filled(size: int, make: Callable[[int], Annotation], maximum: int = 10**6) -> bytes:
    """Return a message with as many annotations as `size` bytes hold, at most `maximum`; `make` gets their index."""
    return message(listed(size, make, maximum))


def listed(size: int, make: Callable[[int], Any], maximum: int = 10**6) -> list[Any]:
    """Return as many items as a message of `size` bytes holds, at most `maximum`; `make` gets their index."""
    items: list[Any] = []
    room = size - _ROOM
    for at in range(maximum):
        item = make(at)
        room -= len(orjson.dumps(item)) + 1
        if room < 0:
            break
        items.append(item)
    return items


def _uuid(at: int) -> str:
    return f"5b0c9a1e-6d0f-4c7b-9a55-{at:012x}"


def _below(levels: int) -> list[Annotation]:
    nested: list[Annotation] = []
    for _ in range(levels):
        nested = [{"name": "n", "answer": {"name": "o", **({"classifications": nested} if nested else {})}}]
    return nested


# -- pictures ----------------------------------------------------------------------------------------------------------


def png(width: int, height: int, *, color: int = GRAY, kind: int = 0, value: int = 0, head: int = 0) -> bytes:
    """Return a PNG image with filter `kind`, equal bytes in all rows, and `head` empty chunks before the pixels.

    A gray one has 1 as its last pixel, since a mask without a pixel is refused.
    """
    stride = width * {GRAY: 1, RGB: 3}[color]
    pixels = (bytes([kind]) + bytes([value]) * stride) * height
    packed = zlib.compress(pixels if color == RGB else pixels[:-1] + b"\1", 9)
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    chunks = [(b"IHDR", header), *[(b"tEXt", b"")] * head, (b"IDAT", packed), (b"IEND", b"")]
    return SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def text(picture: bytes) -> str:
    """Return an image in base64."""
    return base64.b64encode(picture).decode()


NARROW = text(png(1, 2_000_000, kind=2))
"""The image for which the limits were made: 2,000,000 rows of one byte in 5,280 characters."""
PICTURES: dict[str, str] = {
    "1 x 2,000,000, filter 2": NARROW,
    "1 x 2,000,000, filter 1": text(png(1, 2_000_000, kind=1)),
    "1 x 2,000,000": text(png(1, 2_000_000)),
    "2048 x 2047": text(png(2048, 2047)),
    "2048 x 2047, filter 1": text(png(2048, 2047, kind=1)),
    "2048 x 2047, filter 2": text(png(2048, 2047, kind=2)),
    "4,194,000 x 1, filter 1": text(png(4_194_000, 1, kind=1)),
    "256 x 255, filter 4": text(png(256, 255, kind=4)),
    "16 x 4,096, filter 4": text(png(16, 4096, kind=4)),
    "16 x 90,000, filter 2": text(png(16, 90_000, kind=2)),
    "1 x 1": text(png(1, 1)),
}
COLORED: dict[str, str] = {
    "1 x 1,000,000, filter 2": text(png(1, 1_000_000, color=RGB, kind=2)),
    "1182 x 1182": text(png(1182, 1182, color=RGB, value=7)),
    "4 x 90,000": text(png(4, 90_000, color=RGB, value=7)),
    "1182 x 1182, filter 1": text(png(1182, 1182, color=RGB, kind=1)),
    "1 x 1": text(png(1, 1, color=RGB, value=7)),
}


def _film(at: int) -> str:
    return _name("raster-segmentation", at % FEATURES)


def _masks(size: int) -> Iterator[Expensive]:
    def of(shape: str, make: Callable[[int], Annotation]) -> Expensive:
        return Expensive("mask", shape, "IMAGE", filled(size, make))

    for name, picture in PICTURES.items():
        yield of(f"png {name}", lambda at, picture=picture: {"name": _film(at), "mask": {"png": picture}})
    for name, picture in COLORED.items():
        fields = {"imBytes": picture, "colorRGB": [7, 7, 7] if "filter" not in name else [0, 0, 1]}
        made = filled(size, lambda at, fields=fields: {"name": _film(at), "mask": fields})
        yield Expensive("mask", f"imBytes {name}", "IMAGE", made, fits="filter 1" not in name)
    many = text(png(8, 8, head=size // 17))
    yield Expensive("mask", "one of many chunks", "IMAGE", message([{"name": _film(0), "mask": {"png": many}}]))
    yield of("by address", lambda at: {"name": _film(at), "mask": {"instanceURI": "http://a", "colorRGB": [1, 1, 1]}})


def _mask_sets(size: int, kind: str, media: str, **more: Any) -> Iterator[Expensive]:
    def of(shape: str, frames: list[Any], count: int = 1) -> Expensive:
        instances = [{"colorRGB": [1 + at % 200, at // 200, 1], "name": _film(at)} for at in range(count)]
        return Expensive(kind, shape, media, message([{"masks": {"frames": frames, "instances": instances}, **more}]))

    for name, picture in PICTURES.items():
        yield of(name, listed(size, lambda at, picture=picture: {"index": at, "imBytes": picture}, 20_000))
    yield of(
        "by address",
        listed(size, lambda at: {"index": at << 38, "instanceURI": "http://a"}, 20_000),
        min(5000, size // 200),
    )
    masks = {
        "frames": [{"index": 1, "instanceURI": "http://a"}],
        "instances": [{"colorRGB": [1, 1, 1], "name": _film(0)}],
    }
    yield Expensive(kind, "many", media, filled(size, lambda at: {"masks": masks, **more}, 5000))


# -- objects -----------------------------------------------------------------------------------------------------------

_POINT = {"x": 0, "y": 0}
_BOX = {"top": 0, "left": 0, "height": 1, "width": 1}
_OBJECTS: dict[str, tuple[str, str, Annotation]] = {
    "bounding box": ("IMAGE", "rectangle", {"bbox": _BOX}),
    "tile box": ("TMS_GEO", "rectangle", {"bbox": _BOX | {"height": -1}}),
    "document box": ("PDF", "rectangle", {"bbox": _BOX, "page": 1, "unit": "PIXELS"}),
    "polygon": ("IMAGE", "polygon", {"polygon": [_POINT, {"x": 1, "y": 0}, {"x": 0, "y": 1}]}),
    "point": ("IMAGE", "point", {"point": _POINT}),
    "polyline": ("IMAGE", "line", {"line": [_POINT, _POINT]}),
    "text entity": ("TEXT", "named-entity", {"location": {"start": 0, "end": 0}}),
    "conversation entity": ("CONVERSATIONAL", "named-entity", {"location": {"start": 0, "end": 0}, "messageId": "m"}),
    "document entity": (
        "PDF",
        "named-entity",
        {"textSelections": [{"groupId": "g", "tokenIds": ["t"], "page": 1}]},
    ),
}


def colliding_points(count: int) -> list[Annotation]:
    """Return different points whose pairs of numbers have the same hash: a set compares each point with all others."""
    # The steps of CPython's `hash((x, y))`; small whole numbers hash to themselves.
    prime_1, prime_2, prime_5, mask = 11400714785074694791, 14029467366897019727, 2870177450012600261, 2**64 - 1
    inverse_1, inverse_2 = pow(prime_1, -1, 2**64), pow(prime_2, -1, 2**64)
    modulus, target = 2**61 - 1, 0x1234567 * prime_1 & mask
    points: list[Annotation] = []
    for x in itertools.count(1):
        first = (prime_5 + x * prime_2) & mask
        first = ((first << 31 | first >> 33) & mask) * prime_1 & mask
        turned = target * inverse_1 & mask
        lane = ((turned >> 31 | turned << 33) - first) * inverse_2 & mask
        y = _number_of_hash(lane, modulus)
        if y is not None:
            points.append({"x": x, "y": y})
            if len(points) == count:
                return points
    raise AssertionError


def _number_of_hash(lane: int, modulus: int) -> float | None:
    """Return a number within the limits that has this hash, or None if there is none."""
    if lane >= modulus:
        return None
    mantissa = lane
    for shift in range(61):  # m / 2^shift, whose hash is m * 2^(61 - shift)
        if mantissa < 2**53:
            return mantissa / 2.0**shift
        mantissa = mantissa * 2 % modulus
    return None


def _objects(size: int) -> Iterator[Expensive]:
    for kind, (media, tool, geometry) in _OBJECTS.items():

        def made(at: int, tool: str = tool, geometry: Annotation = geometry) -> Annotation:
            return {"name": _name(tool, at % FEATURES), **geometry}

        nested = _below(DEEP + 1)
        yield Expensive(kind, "many", media, filled(size, made))
        yield Expensive(kind, "with uuid", media, filled(size, lambda at, made=made: made(at) | {"uuid": _uuid(at)}))
        yield Expensive(
            kind,
            "20 levels",
            media,
            filled(size, lambda at, made=made, nested=nested: made(at) | {"classifications": nested}),
        )
        wrong = filled(size, lambda at, made=made: made(at) | {"confidence": 2})
        yield Expensive(kind, "all wrong", media, wrong, fits=False)
        last = filled(size, made)[:-2] + b',{"x":1}]}'
        yield Expensive(kind, "last wrong", media, last, fits=False)
        misspelt = filled(size, lambda at, made=made: made(at) | {"confidnce": 1})
        yield Expensive(kind, "all misspelt", media, misspelt, fits=False)


def _geometries(size: int) -> Iterator[Expensive]:
    for kind, tool, key in (("polygon", "polygon", "polygon"), ("polyline", "line", "line")):
        for media in ("IMAGE", "TMS_GEO"):
            geometry = listed(size, lambda at: {"x": at % 91, "y": 0} if at else {"x": 1, "y": 1}, 100_000)
            yield Expensive(kind, f"100,000 points, {media}", media, message([{"name": _name(tool, 0), key: geometry}]))
        points = colliding_points(min(30_000, size // 45))
        raw = message([{"name": _name(tool, 0), key: points}])
        yield Expensive(kind, "points of one hash", "IMAGE", raw)
    tokens = listed(size // 4 + _ROOM, lambda at: "t", 100_000)
    selections = listed(size, lambda _: {"groupId": "g", "tokenIds": tokens, "page": 1}, 100_000)
    entity = {"name": _name("named-entity", 0), "textSelections": selections}
    yield Expensive("document entity", "100,000 tokens each", "PDF", message([entity]))


def _tracks(size: int) -> Iterator[Expensive]:
    shapes: dict[str, tuple[str, Annotation]] = {
        "boxes": ("rectangle", {"bbox": _BOX}),
        "points": ("point", {"point": _POINT}),
        "lines": ("line", {"line": [_POINT] * 2}),
    }
    for shape, (tool, geometry) in shapes.items():

        def track(at: int, maximum: int, room: int, tool: str = tool, geometry: Annotation = geometry) -> Annotation:
            frames = listed(room, lambda frame: {"frame": frame, **geometry}, maximum)
            return {"name": _name(tool, at % FEATURES), "segments": [{"keyframes": frames}]}

        raw = filled(size, lambda at, track=track: track(at, 20_000, size // 4))
        yield Expensive("video object", f"tracks of 20,000 {shape}", "VIDEO", raw)
        yield Expensive(
            "video object", f"many of one of {shape}", "VIDEO", filled(size, lambda at, track=track: track(at, 1, 1999))
        )
    deep = {"bbox": _BOX, "classifications": _below(DEEP + 1)}
    frames = listed(size, lambda at: {"frame": at, **deep}, 20_000)
    track_ = {"name": _name("rectangle", 0), "segments": [{"keyframes": frames}]}
    yield Expensive("video object", "keyframes of 20 levels", "VIDEO", message([track_]))
    slices = listed(size, lambda at: {"frame": at, "line": [_POINT] * 2}, 20_000)
    line = {"name": _name("line", 0), "segments": [{"keyframes": slices}], "groupKey": "axial"}
    yield Expensive("DICOM polyline", "20,000 slices", "DICOM", message([line]))
    one = {"segments": [{"keyframes": [{"frame": 1, "line": [_POINT] * 2}]}], "groupKey": "axial"}
    yield Expensive(
        "DICOM polyline", "many", "DICOM", filled(size, lambda at: {"name": _name("line", at % FEATURES), **one})
    )


def _links(size: int) -> Iterator[Expensive]:
    def made(at: int) -> Annotation:
        if at < 2:
            return {"uuid": _uuid(at), "name": _name("point", 0), "point": _POINT}
        link = {"source": _uuid(0), "target": _uuid(1), "type": "bidirectional"}
        return {"name": _name("edge", at % FEATURES), "relationship": link}

    yield Expensive("relationship", "many of two objects", "IMAGE", filled(size, made))

    def chain(at: int) -> Annotation:
        if at % 2 == 0:
            return {"uuid": _uuid(at), "name": _name("point", at % FEATURES), "point": _POINT}
        source, target = _uuid(at - 1), _uuid(at - 3 if at > 2 else at + 1)
        return {"name": _name("edge", at % FEATURES), "relationship": {"source": source, "target": target}}

    yield Expensive("relationship", "a chain", "IMAGE", filled(size, chain))


# -- answers -----------------------------------------------------------------------------------------------------------


def _answers(size: int) -> Iterator[Expensive]:
    for about, media in (("", "IMAGE"), ("message ", "CONVERSATIONAL")):
        radio: dict[str, tuple[str, str, Callable[[int], Any]]] = {
            "many": ("radio", "radio", lambda at: {"name": "o"}),
            "20 levels": ("radio", "radio", lambda at: {"name": "o", "classifications": _below(DEEP)}),
            "of many options": (
                "checklist",
                "checklist",
                lambda at: [{"name": f"{n}"} for n in range(min(5000, size // 40))],
            ),
            "of one option": ("checklist", "checklist", lambda at: [{"name": "o"}]),
            "short": ("free text" if not about else "text", "text", lambda at: "x"),
            "long": ("free text" if not about else "text", "text", lambda at: "\u2028" * min(30_000, size // 10)),
        }
        for shape, (kind, tool, answer) in radio.items():
            one = 0 if "options" in shape else None
            asked = FEATURES if one is None else 1

            def made(at: int, tool: str = tool, answer: Any = answer, asked: int = asked) -> Annotation:
                return {"name": _name(tool, at % asked), "answer": answer(at)}

            if about:  # a question may be answered once for each message, and once for a data row
                of_messages = filled(size, lambda at, made=made: made(at) | {"messageId": f"{at}"})
                yield Expensive(about + kind, shape, media, of_messages)
                continue
            once, again = filled(size, made, asked), filled(size, made)
            yield Expensive(kind, shape, media, once)
            yield Expensive(kind, f"{shape}, again", media, again, fits=again == once)


def _timed(size: int) -> Iterator[Expensive]:
    for media in ("VIDEO", "AUDIO"):
        one = [{"start": 0, "end": 0}]
        short: dict[str, tuple[str, Any]] = {
            "timed radio": ("radio", {"name": "o", "frames": one}),
            "timed checklist": ("checklist", [{"name": "o", "frames": one}]),
            "timed text": ("text", [{"value": "x", "frames": one}]),
        }
        for kind, (tool, answer) in short.items():
            raw = filled(
                size, lambda at, tool=tool, answer=answer: {"name": _name(tool, at % FEATURES), "answer": answer}
            )
            yield Expensive(kind, f"many, {media}", media, raw)
            raw = filled(
                size,
                lambda at, tool=tool, answer=answer: {
                    "uuid": _uuid(at),
                    "name": _name(tool, at % FEATURES),
                    "answer": answer,
                },
            )
            yield Expensive(kind, f"with uuid, {media}", media, raw)
            ranges = listed(size // 3, lambda at: {"start": 2 * at, "end": 2 * at}, 20_000)
            inner = {"name": "n", "answer": [{"name": "o", "frames": list(reversed(ranges))}]}
            item = {"frames": ranges} | (
                {"value": "x"} if tool == "text" else {"name": "o", "classifications": [inner]}
            )
            whole = {"name": _name(tool, 0), "answer": item if kind == "timed radio" else [item]}
            yield Expensive(kind, f"20,000 ranges in 20,000, {media}", media, message([whole]))
            if tool == "text":
                continue
            deep = listed(size // 22 + _ROOM, lambda at: {"start": 2 * at, "end": 2 * at}, 20_000)
            nested: list[Annotation] = []
            for _ in range(DEEP):
                more = {"classifications": nested} if nested else {}
                nested = [{"name": "n", "answer": [{"name": "o", "frames": deep, **more}]}]
            item = {"name": "o", "frames": deep, "classifications": nested}
            whole = {"name": _name(tool, 0), "answer": item if kind == "timed radio" else [item]}
            yield Expensive(kind, f"ranges in 20 levels, {media}", media, message([whole]))
        # Ranges beside the answer, which count for each option: once within the limit, once above it.
        options, beside = [{"name": f"{n}"} for n in range(500)], [{"start": n, "end": n} for n in range(400)]
        whole = {"name": _name("checklist", 0), "answer": options, "frames": beside}
        spread = filled(size, lambda at, whole=whole: whole, 1)
        yield Expensive("timed checklist", f"400 ranges beside 500 options, {media}", media, spread)
        spread = filled(max(size, 50_000), lambda at, whole=whole: whole)
        yield Expensive("timed checklist", f"many of those, {media}", media, spread, fits=False)


def _evaluations(size: int) -> Iterator[Expensive]:
    replies = [{"messageId": f"r{at}", "modelConfigName": "c"} for at in range(250, 0, -1)]
    tasks: dict[str, Any] = {
        "message-single-selection": replies[0],
        "message-multi-selection": {"selectedMessages": replies},
        "message-ranking": {
            "rankedMessages": [reply | {"order": at} for at, reply in zip(range(250, 0, -1), replies, strict=True)]
        },
    }
    for name, data in tasks.items():
        raw = filled(
            size,
            lambda at, name=name, data=data: {
                "name": _name(name, at % FEATURES),
                "messageEvaluationTask": {"format": name, "data": data | {"parentMessageId": f"q{at}"}},
            },
        )
        yield Expensive("message evaluation", name, "CONVERSATIONAL", raw)


# -- expensive in any kind ---------------------------------------------------------------------------------------------


def _any_kind(size: int) -> Iterator[Expensive]:
    box = {"name": _name("rectangle", 0), "bbox": _BOX}
    metrics = listed(size, lambda at: {"name": "m", "value": 1}, 10**6)
    yield Expensive("bounding box", "metrics", "IMAGE", message([box | {"customMetrics": metrics}]))
    yield Expensive("bounding box", "a key of 4 MiB", "IMAGE", message([box | {"a" * (size - _ROOM): 1}]), fits=False)
    odd = "".join(chr(97 + at * at % 26) for at in range(size - _ROOM))
    yield Expensive("bounding box", "a key of many letters", "IMAGE", message([box | {odd: 1}]), fits=False)
    keys = {f"k{at}": 1 for at in range(size // 15)}
    yield Expensive("bounding box", "many unknown keys", "IMAGE", message([box | keys]), fits=False)
    name = "ar" * 500
    yield Expensive(
        "bounding box", "unknown feature", "IMAGE", filled(size, lambda _: box | {"name": name}, 1), fits=False
    )
    digits = message([box]).replace(b'"top":0', b'"top":' + b"1" * (size - _ROOM))
    yield Expensive("bounding box", "a number of 4 MiB", "IMAGE", digits, fits=False)
    digits = message([box]).replace(b'"top":0', b'"top":0.' + b"1" * (size - _ROOM))
    yield Expensive("bounding box", "a fraction of 4 MiB", "IMAGE", digits)
    twice = filled(size, lambda _: box, 4_999).replace(b'"messageId":"m"', b'"messageId":1,"messageId":"m"')
    yield Expensive("bounding box", "a key twice", "IMAGE", twice, fits=False)
    fooled = filled(size, lambda _: box, 4_999)[:-1] + b',"$.annotations[1].foo":1}'
    yield Expensive("bounding box", "a key like a place", "IMAGE", fooled, fits=False)
    deep = message([box]).replace(b'"top":0', b'"top":' + b"[" * (size - _ROOM))
    yield Expensive("bounding box", "4,000,000 brackets", "IMAGE", deep, fits=False)
    nulls = ",".join(f'"{key}":null' for key in ("mask", "masks", "segments", "location", "textSelections", "line"))
    entity = orjson.dumps({"name": _name("named-entity", 0), "location": {"start": 0, "end": 0}, "messageId": "m"})
    both = entity[:-1] + b"," + nulls.replace('"location":null,', "").encode() + b"},"
    radio = {"name": _name("radio", 0), "answer": {"name": "o"}}
    spaced = [orjson.dumps(radio | {"messageId": f"{at}"}) + b"," for at in range((size - _ROOM) // (len(both) + 80))]
    parts = b"".join(both + answer for answer in spaced)
    raw = message([]).replace(b'"annotations":[]', b'"annotations":[' + parts[:-1] + b"]")
    yield Expensive("conversation entity", "alternating, with nulls", "CONVERSATIONAL", raw)


def messages(size: int = MAX_MESSAGE_BYTES) -> Iterator[Expensive]:
    """Yield all expensive messages, kind by kind, each of at most `size` bytes."""
    yield from _objects(size)
    yield from _geometries(size)
    yield from _masks(size)
    yield from _mask_sets(size, "video mask set", "VIDEO")
    yield from _mask_sets(size, "DICOM mask set", "DICOM", groupKey="axial")
    yield from _tracks(size)
    yield from _links(size)
    yield from _answers(size)
    yield from _timed(size)
    yield from _evaluations(size)
    yield from _any_kind(size)
