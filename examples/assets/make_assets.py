"""Draw the example assets: `python examples/assets/make_assets.py`. Needs Pillow, which the extra `labelbox` brings.

Writes harbour.png, an image, and harbour-masks.png with two masks of it; lock.webm, a video of 72 frames; vhf.wav, a
recording of 12 s; report.txt, a text; logbook.pdf, a document of two pages, and its text layer; vhf-12.json, a
conversation, and replies.json, a chat with two models; and notice.html, a page.
"""

import json
import math
import struct
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

HERE = Path(__file__).parent
SIZE = (1280, 800)
FILM, CLIP = (640, 360), (72, 12)  # size; frames, frames a second
RATE, SECONDS = 8000, 12

REPORT = """Harbour report, eleventh of February.

The Lisbeth Vollmer came in at six in light fog and made fast at berth 4, north quay, an hour after the Annegret. Her \
pilot reported a thin oil film off the old slipway, between the north quay and the grain silo.

The tug Robbe stood by until the crane was free. Two crates of the Lisbeth Vollmer's deck load were damaged; the \
harbour master of Ostermouth was told by radio. Wind from the west, visibility about eight hundred metres by noon."""

PAPER = (595, 420)  # in points
# A line of the logbook: its left edge, its baseline from the top, its size, its words.
LOGBOOK = (
    (
        (72, 62, 20, "Harbour log of Ostermouth"),
        (72, 84, 11, "April 1987, kept by the harbour master"),
        (72, 126, 11, "1 April"),
        (150, 126, 11, "The Lisbeth Vollmer came in at six in light fog and made fast at"),
        (150, 142, 11, "berth 4, north quay, an hour after the Annegret."),
        (72, 174, 11, "2 April"),
        (150, 174, 11, "A thin oil film was seen off the old slipway. The tug Robbe stood"),
        (150, 190, 11, "by until noon. Samples went to the port authority."),
        (72, 222, 11, "4 April"),
        (150, 222, 11, "The crane of berth 2 is out of service. Two crates of deck load"),
        (150, 238, 11, "were damaged and are held in shed 7 until they are surveyed."),
        (72, 270, 11, "5 April"),
        (150, 270, 11, "No arrivals. Wind from the west, force 7, harbour closed."),
        (72, 384, 9, "Signed: H. Brandt, harbour master"),
        (500, 384, 9, "1"),
    ),
    (
        (72, 66, 11, "7 April"),
        (150, 66, 11, "The Annegret left for Lisbon with timber."),
        (72, 98, 11, "9 April"),
        (150, 98, 11, "Pilot boat back from the yard. The Robbe goes in on the 12th."),
        (72, 384, 9, "Signed: H. Brandt, harbour master"),
        (500, 384, 9, "2"),
    ),
)
# Widths of Helvetica's characters, in thousandths of their size.
_WIDTHS = {222: "ijl", 278: " .,:/ftI", 333: "-r", 500: "cksvxyzJ", 611: "FTZ", 667: "ABEKPSVXY", 722: "CDHNRUw"}
_WIDTHS |= {778: "GOQ", 833: "mM", 944: "W"}
HELVETICA = {sign: width for width, signs in _WIDTHS.items() for sign in signs}  # all others: 556

VHF_12 = (
    ("Lisbeth Vollmer", "Ostermouth Port, Ostermouth Port, this is Lisbeth Vollmer on channel 12."),
    ("Ostermouth Port", "Lisbeth Vollmer, good morning. Go ahead."),
    ("Lisbeth Vollmer", "We are off the lighthouse, fog is getting thick. Request a pilot and berth 4, please."),
    ("Ostermouth Port", "Pilot is on his way in the Robbe. Berth 4 is free, the Annegret has moved to the silo."),
    ("Lisbeth Vollmer", "Thank you. Be advised we saw an oil film off the old slipway."),
    ("Ostermouth Port", "Understood, we will send somebody. Out."),
)

NOTICE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Notice 441</title>
<style>
body { font: 17px/1.6 Georgia, serif; color: #22303c; max-width: 34rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; border-bottom: 3px solid #24415f; padding-bottom: .3rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border: 1px solid #b9c4cf; }
.warning { background: #fdf1da; padding: .6rem .9rem; border-left: 5px solid #c9792b; }
</style>
</head>
<body>
<h1>Notice to mariners 441</h1>
<p class="warning">The light on the west mole of Ostermouth is out of order until further notice.</p>
<p>Vessels that enter at night keep to the east side of the channel and call <b>Ostermouth Port</b> on channel 12.</p>
<table>
<tr><th>Date</th><th>High water</th><th>Visibility</th></tr>
<tr><td>11 February</td><td>06:12</td><td>800 m, fog</td></tr>
<tr><td>12 February</td><td>06:58</td><td>good</td></tr>
</table>
</body>
</html>
"""


def harbour() -> Image.Image:
    """Draw a quay with bollards, two vessels, a crane, and a film of oil on the water."""
    image = Image.new("RGB", SIZE, "#bfd9ea")
    draw = ImageDraw.Draw(image)
    for row in range(330):
        draw.line([(0, row), (SIZE[0], row)], fill=(150 + row // 5, 190 + row // 9, 222 + row // 20))
    draw.polygon(
        [(0, 300), (240, 236), (420, 290), (700, 250), (960, 300), (1280, 262), (1280, 340), (0, 340)], "#8ea7a3"
    )
    for row in range(330, 800):
        draw.line([(0, row), (SIZE[0], row)], fill=(62 - row // 30, 116 - row // 18, 140 - row // 20))
    for step in range(160):
        x, y = (step * 173) % 1280, 350 + (step * 97) % 280
        draw.line([(x, y), (x + 30 + step % 40, y)], fill="#5d98ae", width=2)
    oil_film(draw, "#39545a", "#6d6a86")
    vessel(draw, 190, 420, 420, "#8c2f28", "#f4f1e8")
    vessel(draw, 770, 352, 210, "#24415f", "#e7e2d2")
    quay(draw)
    crane(draw)
    return image


def oil_film(draw: ImageDraw.ImageDraw, film: str, foam: str) -> None:
    draw.polygon([(690, 520), (780, 486), (905, 500), (985, 540), (930, 584), (800, 596), (708, 566)], film)
    draw.ellipse([(1010, 470), (1130, 506)], foam)


def vessel(draw: ImageDraw.ImageDraw, x: int, y: int, length: int, hull: str, house: str) -> None:
    unit = length / 10
    draw.polygon([(x, y), (x + length, y), (x + length - unit, y + 1.7 * unit), (x + unit * 0.6, y + 1.7 * unit)], hull)
    draw.rectangle([(x + unit, y - 1.5 * unit), (x + 3.2 * unit, y)], house)
    draw.rectangle([(x + 1.3 * unit, y - 2.4 * unit), (x + 2.7 * unit, y - 1.5 * unit)], house)
    for window in range(3):
        left = x + (1.5 + 0.42 * window) * unit
        draw.rectangle([(left, y - 2.15 * unit), (left + 0.25 * unit, y - 1.8 * unit)], "#35566b")
    draw.rectangle([(x + 1.8 * unit, y - 3.3 * unit), (x + 2.3 * unit, y - 2.4 * unit)], "#c9792b")
    for crate, colour in enumerate(("#b4833b", "#7d6a4f", "#a8573a")):
        left = x + (4.2 + 1.3 * crate) * unit
        draw.rectangle([(left, y - 0.9 * unit), (left + 1.1 * unit, y)], colour)
    draw.line([(x + 8.8 * unit, y), (x + 8.8 * unit, y - 2.2 * unit)], "#4a4a4a", 4)


def quay(draw: ImageDraw.ImageDraw) -> None:
    draw.polygon([(0, 640), (1280, 590), (1280, 800), (0, 800)], "#b8b1a4")
    draw.polygon([(0, 640), (1280, 590), (1280, 618), (0, 668)], "#7f786d")
    for step in range(9):
        draw.line([(step * 170 - 30, 800), (step * 160 + 40, 668 - step * 6)], "#a39c8f", 2)
    for x, y in ((150, 690), (520, 676), (900, 662)):
        draw.rectangle([(x - 11, y - 30), (x + 11, y)], "#33383d")
        draw.ellipse([(x - 17, y - 42), (x + 17, y - 24)], "#43494f")
    draw.line([(520, 646), (430, 560), (330, 470)], "#e8dfb8", 5)
    draw.line([(900, 632), (860, 520), (800, 388)], "#e8dfb8", 4)


def crane(draw: ImageDraw.ImageDraw) -> None:
    draw.line([(1120, 620), (1120, 180)], "#d9a520", 16)
    draw.line([(940, 196), (1250, 196)], "#d9a520", 12)
    draw.line([(1120, 120), (960, 190)], "#8b6a12", 4)
    draw.line([(1120, 120), (1240, 190)], "#8b6a12", 4)
    draw.line([(985, 200), (985, 300)], "#3b3b3b", 3)
    draw.rectangle([(955, 300), (1015, 340)], "#a8573a")


def masks() -> Image.Image:
    """Draw the masks of the oil film and the foam, each in its colour, in one image."""
    image = Image.new("RGB", SIZE)
    oil_film(ImageDraw.Draw(image), "#0078ff", "#c81e1e")
    return image


def frame(number: int) -> Image.Image:
    """Draw a frame of the lock: a vessel passes from left to right, for a while behind the pier of the gate."""
    image = Image.new("RGB", FILM, "#cfe0ea")
    draw = ImageDraw.Draw(image)
    draw.rectangle([(0, 150), (640, 360)], "#4b8199")
    draw.rectangle([(0, 300), (640, 360)], "#b8b1a4")
    vessel(draw, 20 + 5 * (number - 1), 200, 150, "#8c2f28", "#f4f1e8")
    draw.rectangle([(300, 90), (352, 300)], "#7f786d")
    draw.rectangle([(296, 78), (356, 94)], "#5c564d")
    draw.rectangle([(560, 250 - (number % 4)), (576, 300)], "#33383d")
    return image


def webm(frames: Iterator[Image.Image]) -> bytes:
    """Return a WebM file of key frames only, each taken from a lossy WebP image, which holds such a frame of VP8."""
    width, height = FILM
    count, rate = CLIP
    header = element(0x1A45DFA3, text(0x4282, "webm"), number(0x4287, 4), number(0x4285, 2))
    info = element(0x1549A966, number(0x2AD7B1, 1_000_000), element(0x4489, struct.pack(">d", count * 1000 / rate)))
    picture = element(0xE0, number(0xB0, width), number(0xBA, height))
    track = element(0xAE, number(0xD7, 1), number(0x73C5, 1), number(0x83, 1), text(0x86, "V_VP8"), picture)
    blocks = [block(round(place * 1000 / rate), image) for place, image in enumerate(frames)]
    cluster = element(0x1F43B675, number(0xE7, 0), *blocks)
    return header + element(0x18538067, info, element(0x1654AE6B, track), cluster)


def block(milliseconds: int, image: Image.Image) -> bytes:
    packed = BytesIO()
    image.save(packed, "WEBP", quality=60, method=6)
    content = packed.getvalue()
    start = content.index(b"VP8 ")
    (length,) = struct.unpack_from("<I", content, start + 4)
    return element(0xA3, b"\x81" + struct.pack(">hB", milliseconds, 0x80) + content[start + 8 : start + 8 + length])


def element(name: int, *parts: bytes) -> bytes:
    """Return an EBML element: name, length in eight bytes, content."""
    content = b"".join(parts)
    return name.to_bytes((name.bit_length() + 7) // 8) + (1 << 56 | len(content)).to_bytes(8) + content


def number(name: int, value: int) -> bytes:
    return element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8)))


def text(name: int, value: str) -> bytes:
    return element(name, value.encode())


def recording() -> bytes:
    """Return the samples of two voices, which are beeps, and of an engine."""
    samples = []
    for place in range(RATE * SECONDS):
        second = place / RATE
        level = 0.12 * math.sin(2 * math.pi * 60 * second) if second < 3 or 5 <= second < 7 else 0.0
        if second < 2.4 or 9.1 <= second < 11:
            level += 0.4 * math.sin(2 * math.pi * 440 * second) * (int(second * 6) % 2)
        elif second < 9:
            level += 0.4 * math.sin(2 * math.pi * 620 * second) * (int(second * 8) % 2)
        samples.append(round(128 + 120 * max(-1.0, min(1.0, level))))
    return bytes(samples)


def width_of(words: str, size: float) -> float:
    """Return the width of words in points, set in Helvetica."""
    return sum(HELVETICA.get(sign, 556) for sign in words) * size / 1000


def text_layer() -> list[dict[str, Any]]:
    """Return the text layer of the logbook: a group for each line, a token for each word."""
    width, height = PAPER
    return [
        {
            "number": page,
            "width": width,
            "height": height,
            "units": "POINTS",
            "groups": [group(f"page-{page}-line-{place}", *line) for place, line in enumerate(lines, 1)],
        }
        for page, lines in enumerate(LOGBOOK, 1)
    ]


def group(name: str, left: int, baseline: int, size: int, words: str) -> dict[str, Any]:
    start = 0
    tokens = []
    for place, word in enumerate(words.split(), 1):
        start = words.index(word, start)
        tokens.append(placed(f"{name}-word-{place}", left + width_of(words[:start], size), baseline, size, word))
        start += len(word)
    return {**placed(name, left, baseline, size, words), "tokens": tokens}


def placed(name: str, left: float, baseline: int, size: int, words: str) -> dict[str, Any]:
    geometry = {"left": left, "top": baseline - 0.8 * size, "width": width_of(words, size), "height": float(size)}
    return {"id": name, "content": words, "geometry": {key: round(value, 2) for key, value in geometry.items()}}


def pdf() -> bytes:
    """Return the logbook as a PDF file: a catalogue, the pages, a font, and the text of each page."""
    texts = [page_text(lines) for lines in LOGBOOK]
    pages = [4 + 2 * place for place in range(len(texts))]
    kids = " ".join(f"{page} 0 R" for page in pages)
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Count {len(texts)}/Kids[{kids}]>>"]
    objects += ["<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    for page, text_of_page in zip(pages, texts, strict=True):
        box = f"/MediaBox[0 0 {PAPER[0]} {PAPER[1]}]"
        fonts = "/Resources<</Font<</F 3 0 R>>>>"
        objects += [f"<</Type/Page/Parent 2 0 R{box}{fonts}/Contents {page + 1} 0 R>>"]
        objects += [f"<</Length {len(text_of_page)}>>stream\n{text_of_page}\nendstream"]
    return numbered(objects)


def page_text(lines: tuple[tuple[int, int, int, str], ...]) -> str:
    """Return the drawing instructions of a page."""
    height = PAPER[1]
    return "\n".join(
        f"BT /F {size} Tf {left} {height - baseline} Td ({words}) Tj ET" for left, baseline, size, words in lines
    )


def numbered(objects: list[str]) -> bytes:
    """Return a PDF file of these objects, with the table of their places at its end."""
    content, places = b"%PDF-1.4\n", []
    for place, body in enumerate(objects, 1):
        places.append(len(content))
        content += f"{place} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{len(content)}\n%%EOF\n"
    return content + f"xref\n0 {size}\n0000000000 65535 f \n{table}{end}".encode()


def conversation() -> dict[str, Any]:
    """Return the conversation of a vessel with the port."""
    messages = [
        {
            "messageId": f"m-{place}",
            "timestampUsec": 1_928_563_200 + 20 * place,
            "content": said,
            "user": {"userId": name.lower().replace(" ", "-"), "name": name},
            "align": "right" if name.endswith("Port") else "left",
            "canLabel": True,
        }
        for place, (name, said) in enumerate(VHF_12, 1)
    ]
    return {"type": "application/vnd.labelbox.conversational", "version": 1, "messages": messages}


def replies() -> dict[str, Any]:
    """Return a chat in which two models answer each question."""
    actors = {
        "harbour-desk": {"role": "human", "metadata": {"name": "Harbour desk"}},
        "model-1": {"role": "model", "metadata": {"modelConfigName": "tide-7b"}},
        "model-2": {"role": "model", "metadata": {"modelConfigName": "tide-13b"}},
    }
    messages = {
        "q-1": message(
            "harbour-desk", "When is high water tomorrow, and can a ship of 6 m draught enter?", "r-1", "r-2"
        ),
        "r-1": message("model-1", "High water is at 06:58. Ships can enter at any time.", "q-2"),
        "r-2": message(
            "model-2",
            "High water tomorrow is at 06:58 with 4.1 m above chart datum.\n\nThe channel is 5.5 m deep at chart datum,"
            " so a ship of 6 m draught can enter from two hours before high water until two hours after it.",
            "q-2",
        ),
        "q-2": message("harbour-desk", "Write that as a short notice for the board.", "r-3", "r-4"),
        "r-3": message("model-1", "HW 06:58. Max. draught 6 m from 04:58 to 08:58."),
        "r-4": message("model-2", "Tomorrow: high water 06:58. Ships up to 6 m draught: 05:00 to 09:00, with a pilot."),
    }
    return {
        "type": "application/vnd.labelbox.conversational.model-chat-evaluation",
        "version": 2,
        "actors": actors,
        "messages": messages,
        "rootMessageIds": ["q-1"],
    }


def message(actor: str, said: str, *children: str) -> dict[str, Any]:
    return {"actorId": actor, "content": [{"type": "text", "content": said}], "childMessageIds": list(children)}


def main() -> None:
    """Write the files."""
    harbour().quantize(128, dither=Image.Dither.NONE).save(HERE / "harbour.png", optimize=True)
    masks().quantize(4, dither=Image.Dither.NONE).save(HERE / "harbour-masks.png", optimize=True)
    (HERE / "lock.webm").write_bytes(webm(frame(number) for number in range(1, CLIP[0] + 1)))
    with wave.open(str(HERE / "vhf.wav"), "wb") as opened:
        opened.setparams((1, 1, RATE, 0, "NONE", ""))
        opened.writeframes(recording())
    (HERE / "report.txt").write_text(REPORT)
    (HERE / "logbook.pdf").write_bytes(pdf())
    (HERE / "logbook-text-layer.json").write_text(json.dumps(text_layer()))
    (HERE / "vhf-12.json").write_text(json.dumps(conversation(), indent=1))
    (HERE / "replies.json").write_text(json.dumps(replies(), indent=1))
    (HERE / "notice.html").write_text(NOTICE)


if __name__ == "__main__":
    main()
