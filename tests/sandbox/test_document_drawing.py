"""The drawing of documents, without pages: text layers, units, highlighted tokens, and what is said of the rest."""

import json
from typing import Any

import msgspec
import pytest

from prelabel_sandbox.normalized import normalized
from prelabel_sandbox.pages.documents import Files, files_of
from prelabel_sandbox.pages.drawing.annotations import Annotation, annotations_of
from prelabel_sandbox.pages.drawing.classes import Classes
from prelabel_sandbox.pages.drawing.document import SHEETS, TOKENS, Sheet, document_of, quoted_tokens
from prelabel_sandbox.pages.drawing.text_layer import (
    LETTER,
    Geometry,
    Rectangle,
    TextLayer,
    in_points,
    lines_of,
    text_layer_of,
)
from tests.support.sandbox.assets import ASSETS
from tests.support.sandbox.process import ndjson

LOGBOOK = text_layer_of((ASSETS / "logbook-text-layer.json").read_bytes())
TOOLS = [
    {"tool": "rectangle", "name": "entry"},
    {"tool": "named-entity", "name": "ship"},
    {"tool": "edge", "name": "x"},
]
CLASSES = Classes(normalized({"tools": TOOLS}, "p"))


def drawn_from(*lines: dict[str, Any]) -> list[Annotation]:
    pairs = [(number.to_bytes(16), ndjson([line])) for number, line in enumerate(lines, 1)]
    return annotations_of(pairs, CLASSES)


def box(page: int, unit: str, left: float, top: float, width: float, height: float) -> dict[str, Any]:
    bbox = {"left": left, "top": top, "width": width, "height": height}
    return {"name": "entry", "bbox": bbox, "page": page, "unit": unit}


def entity(*selections: tuple[int, int, list[int]]) -> dict[str, Any]:
    """Return an entity of words of the logbook: page, line, numbers of the words."""
    groups = [(page, f"page-{page}-line-{line}", words) for page, line, words in selections]
    return {
        "name": "ship",
        "textSelections": [
            {"groupId": group, "tokenIds": [f"{group}-word-{word}" for word in words], "page": page}
            for page, group, words in groups
        ],
    }


def layer_of(*pages: dict[str, Any]) -> TextLayer:
    return text_layer_of(json.dumps(pages).encode())


def token(name: str, **geometry: float) -> dict[str, Any]:
    return {"id": name, "content": name, "geometry": geometry}


def paths(sheet: Sheet) -> list[str]:
    return [shape.path for _, shape in sheet.shapes]


def test_a_text_layer_has_the_size_of_its_pages_and_the_place_of_each_word() -> None:
    page = LOGBOOK[1]
    assert (page.size, page.known) == ((595.0, 420.0), True)
    word = page.tokens["page-1-line-4", "page-1-line-4-word-2"]
    assert (word.text, word.place) == ("Lisbeth", pytest.approx((172.01, 117.2, 207.47, 128.2)))


@pytest.mark.parametrize(
    ("unit", "geometry", "place"),
    [
        ("POINTS", (10, 20, 30, 40), (10, 20, 40, 60)),
        ("INCHES", (1, 2, 0.5, 0.25), (72, 144, 108, 162)),
        ("PIXELS", (10, 20, 30, 40), (10, 20, 40, 60)),
        ("PERCENT", (0.5, 0.25, 0.5, 0.5), (300, 200, 600, 600)),
        ("PERCENT", (50, 25, 50, 50), (300, 200, 600, 600)),
    ],
)
def test_each_unit_is_drawn_in_points(unit: str, geometry: tuple[float, ...], place: tuple[float, ...]) -> None:
    assert in_points(Geometry(*geometry), unit, (600.0, 800.0)) == pytest.approx(place)


def test_a_text_layer_in_shares_of_a_page_without_a_size_is_drawn_on_a_guessed_one() -> None:
    """So is the text layer that the official client's tests use."""
    tokens = [token("Mott", left=0.5, top=0.1, width=0.25, height=0.05)]
    for size in ({}, {"width": 1, "height": 1}):
        layer = layer_of({"number": 1, "units": "PERCENT", "groups": [{"id": "g", "tokens": tokens}], **size})
        assert (layer[1].size, layer[1].known) == (LETTER, False)
        assert layer[1].tokens["g", "Mott"].place == pytest.approx((306, 79.2, 459, 118.8))


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b'{"pages": []}', "Expected `array`"),
        (b'[{"groups": []}]', "`number` - at `$[0]`"),
        (b'[{"number": 1, "groups": [{"id": "g", "tokens": [{}]}]}]', "at `$[0].groups[0].tokens[0]`"),
        (b'[{"number": 1, "width": 0}]', "at `$[0].width`"),
        (b"%PDF-1.4", "malformed"),
        (b"", "truncated"),
    ],
)
def test_a_file_that_is_no_text_layer_is_refused_with_the_place(content: bytes, path: str) -> None:
    with pytest.raises(msgspec.MsgspecError) as error:
        text_layer_of(content)
    assert path in str(error.value)


def test_words_of_a_line_have_the_size_of_the_line_and_stand_on_one_baseline() -> None:
    """OCR gives a word such as `was` the height of its letters."""
    words = [("Mott", 0, 10), ("was", 3, 7), ("large.", 0, 14), ("Lower", 20, 12)]
    tokens = [token(word, left=1, top=top, width=9, height=height) for word, top, height in words]
    tokens.insert(2, {"id": "nowhere"})
    layer = layer_of({"number": 1, "groups": [{"id": "g", "tokens": tokens}]})
    found = {name: (word.size, word.baseline) for (_, name), word in layer[1].tokens.items() if word.place}
    assert found == {
        "Mott": (14, pytest.approx(11.2)),
        "was": (14, pytest.approx(11.2)),
        "large.": (14, pytest.approx(11.2)),
        "Lower": (12, pytest.approx(29.6)),
    }


def test_tokens_that_follow_each_other_in_a_line_are_one_rectangle() -> None:
    words = [(0, 0, 10, 10), (12, 1, 20, 10), (22, 0, 30, 11), (200, 0, 210, 10), (0, 14, 10, 24), (0, 28, 10, 38)]
    assert list(lines_of(Rectangle(*word) for word in words)) == [
        (0, 0, 30, 11),
        (200, 0, 210, 10),
        (0, 14, 10, 24),
        (0, 28, 10, 38),
    ]
    assert list(lines_of([])) == []


def test_an_entity_covers_its_tokens_on_every_sheet_and_is_linked_to_at_the_first() -> None:
    lines = [entity((1, 4, [2, 3]), (1, 5, [1, 2]), (2, 2, [2]))]
    document = document_of(drawn_from(*lines), LOGBOOK, 2)
    first, second = document.sheets
    assert paths(first) == ["M172.01 117.2H247.81V128.2H172.01ZM150 133.2H187.3V144.2H150Z"]
    assert paths(second) == ["M172.01 57.2H216.65V68.2H172.01Z"]
    assert (first.firsts, second.firsts, document.drawn, document.notes) == ({1}, set(), {1}, {})


def test_an_entity_quotes_its_words() -> None:
    short, long = drawn_from(entity((1, 4, [2, 3])), entity((1, 4, list(range(1, 15))), (1, 7, list(range(1, 15)))))
    assert quoted_tokens(short, LOGBOOK).where == "“Lisbeth Vollmer”, page 1, 2 tokens"
    words = quoted_tokens(long, LOGBOOK).where.split("”")[0]
    assert words.startswith("“The Lisbeth Vollmer came")
    assert words.endswith("…")
    assert len(words) < 100
    assert quoted_tokens(short, None).where == "page 1, 2 tokens"


def test_without_a_text_layer_boxes_are_drawn_and_entities_are_not() -> None:
    document = document_of(drawn_from(box(1, "POINTS", 1, 2, 3, 4), entity((1, 4, [2, 3]))), None, 9)
    (sheet,) = document.sheets
    assert (paths(sheet), sheet.tokens, sheet.known) == (["M1 2H4V6H1Z"], [], False)
    assert (sheet.width, sheet.height) == LETTER
    assert (document.notes, document.left_out) == ({2: "not drawn"}, 8)


def test_a_sheet_of_unknown_size_holds_its_boxes() -> None:
    (sheet,) = document_of(drawn_from(box(3, "PIXELS", 1000, 2000, 700, 200)), None, None).sheets
    assert (sheet.number, sheet.width, sheet.height) == (3, 1700, 2200)


def test_larger_boxes_are_below_smaller_ones() -> None:
    boxes = [box(1, "POINTS", 0, 0, side, side) for side in (3, 9, 6)]
    (sheet,) = document_of(drawn_from(*boxes), None, None).sheets
    assert [annotation.number for annotation, _ in sheet.shapes] == [2, 3, 1]


def test_what_reaches_beyond_a_page_or_is_not_in_the_text_layer_is_said() -> None:
    lines = [
        box(1, "PIXELS", 1000, 2000, 700, 200),
        box(1, "POINTS", 590, 400, 6, 21),
        entity((1, 4, [2, 99])),
        entity((1, 99, [1])),
        entity((9, 1, [1])),
    ]
    assert document_of(drawn_from(*lines), LOGBOOK, None).notes == {
        1: "reaches beyond its page",
        3: "1 of its 2 tokens have no place in the text layer",
        4: "not drawn",
        5: "not drawn",
    }


def test_what_is_assumed_is_said_once() -> None:
    boxes = [box(1, unit, 0.1, 0.1, 0.2, 0.2) for unit in ("PERCENT", "PIXELS", "PIXELS", "POINTS")]
    assert [each.split()[0] for each in document_of(drawn_from(*boxes), None, None).remarks] == [
        "Pixels",
        "Percentages",
    ]
    (remark,) = document_of(drawn_from(box(0, "POINTS", 1, 1, 1, 1)), None, None).remarks
    assert "0 or from 1" in remark
    assert document_of(drawn_from(box(1, "POINTS", 1, 1, 1, 1)), LOGBOOK, 2).remarks == []


def test_a_relationship_is_drawn_if_both_its_ends_are_on_one_sheet() -> None:
    def edge(source: int, target: int) -> dict[str, Any]:
        ends = [f"00000000-0000-0000-0000-{number:012x}" for number in (source, target)]
        return {"name": "x", "relationship": {"source": ends[0], "target": ends[1], "type": "unidirectional"}}

    lines = [box(1, "POINTS", 1, 1, 1, 1), entity((1, 4, [2])), box(2, "POINTS", 1, 1, 1, 1), edge(1, 2), edge(1, 3)]
    document = document_of(drawn_from(*lines), LOGBOOK, 2)
    assert [link.annotation.number for sheet in document.sheets for link in sheet.links] == [4]
    assert document.notes == {5: "not drawn"}


def test_sheets_with_pre_labels_come_before_others_when_there_are_too_many() -> None:
    pages = [{"number": number, "width": 100, "height": 100} for number in range(1, 400)]
    lines = [box(number, "POINTS", 1, 1, 1, 1) for number in range(200, 200 + SHEETS + 5)]
    document = document_of(drawn_from(*lines), layer_of(*pages), 399)
    assert [sheet.number for sheet in document.sheets] == [*range(1, 11), *range(200, 200 + SHEETS)]
    assert document.left_out == 399 - 10 - SHEETS
    assert sorted(document.notes) == [SHEETS + number for number in range(1, 6)]


def test_words_are_left_out_first_of_sheets_without_pre_labels() -> None:
    def page(number: int) -> dict[str, Any]:
        tokens = [token(str(place), left=1, top=1, width=1, height=1) for place in range(TOKENS // 2 + 1)]
        return {"number": number, "width": 100, "height": 100, "groups": [{"id": "g", "tokens": tokens}]}

    document = document_of(drawn_from(box(2, "POINTS", 1, 1, 1, 1)), layer_of(page(1), page(2)), None)
    assert [len(sheet.tokens) for sheet in document.sheets] == [TOKENS // 2 - 1, TOKENS // 2 + 1]
    assert document.thinned
    assert not document_of([], LOGBOOK, None).thinned


@pytest.mark.parametrize(
    ("row_data", "files"),
    [
        (None, Files(None, None)),
        ("https://x.example/a.pdf", Files("https://x.example/a.pdf", None)),
        ('{"pdf_url": "https://x.example/a.pdf"}', Files("https://x.example/a.pdf", None)),
        ('{"pdf_url": "p", "text_layer_url": "t", "more": 1}', Files("p", "t")),
        ('{"pdfUrl": "p", "textLayerUrl": "t"}', Files("p", "t")),
        ('{"pdf_url": 1}', Files(None, None)),
        ("{", Files(None, None)),
        ('{"x":' + "[" * 5000, Files(None, None)),
    ],
)
def test_row_data_name_the_document_and_its_text_layer(row_data: str | None, files: Files) -> None:
    assert files_of(row_data) == files
