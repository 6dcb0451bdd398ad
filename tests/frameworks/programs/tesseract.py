"""Tesseract reads a picture and a document of two pages, and writes hOCR and ALTO."""

import subprocess

from PIL import Image, ImageDraw, ImageFont

from tests.frameworks.report import Output, place

PAGES = (
    ("Berth report of the harbour office", "The tug Lisbeth arrived at six o'clock", "Crew: five & one pilot <GMT>"),
    ("Second page", "Depth at low water: 7.4 m"),
)


def drawn(lines: tuple[str, ...]) -> Image.Image:
    """Return a page with these lines."""
    page = Image.new("L", (1240, 600), 255)
    for at, line in enumerate(lines):
        ImageDraw.Draw(page).text((100, 80 + 120 * at), line, fill=0, font=ImageFont.load_default(size=40))
    return page


if __name__ == "__main__":
    here = place()
    first, second = map(drawn, PAGES)
    first.save("quay.png", dpi=(150, 150))
    first.save("report.tif", save_all=True, append_images=[second], dpi=(150, 150))
    for picture in ("quay.png", "report.tif"):
        subprocess.run(["tesseract", picture, picture.partition(".")[0], "hocr", "alto"], check=True)
    said = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=True).stdout
    here.report(
        "Tesseract " + said.split()[1],
        Output("a document of 2 pages as hOCR", 5, 1, "hocr", "report.hocr", "PDF", {"text_feature": "text"}),
        Output("its words as entities", 23, 1, "hocr", "report.hocr", "PDF", {"ocr_as": "entities", "level": "word"}),
        Output("the same document as ALTO", 5, 1, "alto", "report.xml", "PDF", {"dpi": 150, "text_feature": "text"}),
        Output("a picture as hOCR", 3, 1, "hocr", "quay.hocr", "IMAGE", {"media": "image"}),
        Output("a picture as ALTO", 3, 1, "alto", "quay.xml", "IMAGE", {"media": "image"}),
    )
