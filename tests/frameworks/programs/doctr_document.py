"""docTR exports a document of words that it was given, since its weights cannot be downloaded, as JSON and as hOCR."""

import json

import numpy as np
from doctr.io import Block, Document, Line, Page, Word

from tests.frameworks.report import Output, place, release

PAGES = (("Left Cuxhaven at noon", "Moored at berth 4"), ("Depth at low water: 7.4 m & falling",))


def line(text: str, top: float) -> Line:
    """Return a line of words that stand side by side."""
    words = [
        Word(word, 0.75, ((0.1 + at / 10, top), (0.19 + at / 10, top + 0.05)), 0.875, {"value": 0, "confidence": None})
        for at, word in enumerate(text.split())
    ]
    return Line(words)


if __name__ == "__main__":
    here = place()
    picture = np.full((800, 600, 3), 255, np.uint8)
    pages = [
        Page(picture, [Block([line(text, 0.1 + 0.1 * at) for at, text in enumerate(texts)])], number, (800, 600))
        for number, texts in enumerate(PAGES)
    ]
    document = Document(pages)
    (here.folder / "logbook.json").write_text(json.dumps(document.export()))
    outputs = [Output("export() of 2 pages", 3, 1, "doctr", "logbook.json", "PDF", {"text_feature": "text"})]
    for number, (xml, _) in enumerate(document.export_as_xml()):
        (here.folder / f"page-{number}.hocr").write_bytes(xml)
        options = {"media": "image"}
        outputs.append(Output("hOCR of a page", len(PAGES[number]), 1, "hocr", f"page-{number}.hocr", options=options))
    here.report(release("python-doctr"), *outputs)
