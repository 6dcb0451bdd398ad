"""Addresses, and pictures of masks, that are right or only look so."""

import base64
import struct
import zlib
from typing import Any

from prelabel.annotations.png import GRAY, GRAY_ALPHA, PALETTE, RGB, RGBA, SIGNATURE

METRICS = [{"name": "iou", "value": 0.5}]
ADDRESSES = [
    "https://masks.example.org/1.png",
    "HTTPS://masks.example.org/1.png",
    "Http://10.0.0.1:8080/x",
    "https://[2001:db8::1]/1.png",
    "https://user:secret@masks.example.org/1.png?sig=a%2Fb#x",
    "https://müsli.example/ä.png",
    "https://masks.example.org",
]
NOT_ADDRESSES = [
    *("https:///1.png", "https://", "https://?x=1", "https://#x", "https://:443/1.png", "https://user@/1.png"),
    *("https:/masks.example.org/1.png", "https:masks.example.org", "masks.example.org/1.png", "//masks.example.org/1"),
    *("gs://bucket/1.png", "s3://bucket/1.png", "file:///1.png", "data:image/png;base64,AAAA", "ftp://x/1.png", ""),
    *("https://masks example.org/1.png", "https://./1.png", "https://x:port/1.png", " https://masks.example.org/1.png"),
    *("https://\\masks.example.org/1.png", "https://[]/1.png", "https://@/1.png"),
]

_CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}


def png(rows: list[bytes], color: int, depth: int = 8, palette: bytes = b"") -> str:
    """A PNG file of these rows in base64; the width follows from the length of the first row."""
    width = len(rows[0]) * 8 // (depth * _CHANNELS[color])
    header = struct.pack(">IIBBBBB", width, len(rows), depth, color, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [(b"IHDR", header), *([(b"PLTE", palette)] if palette else []), (b"IDAT", data), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part)) for name, part in chunks
    )
    return base64.b64encode(SIGNATURE + body).decode()


RED_BLACK = bytes([0, 0, 0, 255, 0, 0])
BLACK = {
    "gray": png([bytes(4), bytes(4)], GRAY),
    "gray of one bit": png([bytes(1)], GRAY, 1),
    "palette": png([bytes(4)], PALETTE, palette=RED_BLACK),
    "palette of two bits": png([bytes(1)], PALETTE, 2, RED_BLACK),
}
LIT = {
    "gray": png([bytes(4), bytes([0, 0, 0, 1])], GRAY),
    "gray of one bit": png([b"\x01"], GRAY, 1),
    "palette": png([bytes([0, 1])], PALETTE, palette=RED_BLACK),
    "palette of two bits": png([b"\x40"], PALETTE, 2, RED_BLACK),
}
COMPOSITES = {
    "gray": (png([bytes([0, 7])], GRAY), [7, 7, 7], [7, 7, 8]),
    "gray with alpha": (png([bytes([7, 0])], GRAY_ALPHA), [7, 7, 7], [0, 0, 1]),
    "palette": (png([bytes([0, 1])], PALETTE, palette=RED_BLACK), [255, 0, 0], [0, 255, 0]),
    "rgb": (png([bytes([1, 2, 3])], RGB), [1, 2, 3], [3, 2, 1]),
    "rgb with alpha": (png([bytes([1, 2, 3, 0])], RGBA), [1, 2, 3], [2, 3, 1]),
}


def frames(*images: str) -> dict[str, Any]:
    listed = [{"index": at, "imBytes": image} for at, image in enumerate(images, 1)]
    return {"masks": {"frames": listed, "instances": [{"colorRGB": [1, 2, 3], "name": "oil film"}]}}
