"""What the makers of pictures share: the folder, this machine's Chromium, and how a screenshot becomes a small file."""

import shutil
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Playwright

IMAGES = Path(__file__).parent / "images"
_CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_FLAGS += ["--disable-sync", "--no-first-run"]
_LARGE = 180_000


def launch(playwright: Playwright) -> Browser:
    """Start the browser."""
    return playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)


def save(screenshot: bytes, name: str) -> None:
    """Save a picture as a small file, and print its size; a large one gets fewer colours."""
    IMAGES.mkdir(exist_ok=True)
    file = IMAGES / f"{name}.png"
    shot = Image.open(BytesIO(screenshot)).convert("RGB")
    shot.save(file, optimize=True)
    if file.stat().st_size > _LARGE:
        shot.quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"docs/images/{name}.png", file.stat().st_size)
