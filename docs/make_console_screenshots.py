"""Write the pictures of the console in docs/images, with rows of a stack of its own, taken with Chromium.

`python docs/make_console_screenshots.py [NAME …]` takes all pictures, or those named. It starts a stack in a temporary
folder, publishes rows for a few minutes, some of them bad, and takes a picture of each kind of page.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pictures
from playwright.sync_api import sync_playwright

from prelabel import Publisher
from prelabel_worker.stack.stack import Stack

WIDE, PHONE = (1280, 860), (390, 780)
SECONDS = 200
"""How long rows are published, so that the charts show something."""
NAMES = {"harbour": "Harbour cameras", "night-shift": "Night shift", "drone-7": "Drone 7, survey"}
TOOLS = [{"tool": "rectangle", "name": "vessel"}, {"tool": "rectangle", "name": "person"}]
SHOTS = [
    ("console-overview", "/", (), WIDE, "light"),
    ("console-overview-dark", "/", (), WIDE, "dark"),
    ("console-overview-phone", "/", (), PHONE, "light"),
    ("console-project", "/projects/harbour", (), WIDE, "light"),
    ("console-groups", "/groups", (), WIDE, "light"),
    ("console-group", "/groups", ("main tbody th a",), WIDE, "light"),
    ("console-fix", "/groups", ("main tbody th a", "a.main"), WIDE, "light"),
    ("console-groups-phone", "/groups", (), PHONE, "dark"),
    ("console-dead-letter", "/dead", ("main tbody a[href^='/dead/']",), WIDE, "light"),
    ("console-accounts", "/accounts", (), WIDE, "dark"),
]
"""Name of a picture, the page, the links to follow from there, the size of the window, the colours."""


@contextmanager
def running() -> Iterator[Stack]:
    """Run a stack with a console and three projects."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / ".prelabel", workers=2, console=True) as stack:
        for project, name in NAMES.items():
            body = {"id": project, "name": name, "mediaType": "IMAGE", "dataRows": "any"}
            body |= {"ontology": {"tools": TOOLS, "classifications": []}}
            httpx.post(f"{stack.file.sandbox_url}/_sandbox/projects", json=body).raise_for_status()
        yield stack


def publish(stack: Stack) -> None:
    """Publish rows at a changing rate; one in thirty names a feature that the ontology does not have."""
    chosen = random.Random(7)
    ends, number = time.monotonic() + SECONDS, 0
    with Publisher(stack.file.redis_url) as publisher:
        while time.monotonic() < ends:
            for _ in range(chosen.randrange(20, 120)):
                number += 1
                publisher.publish(message(chosen, number))
            time.sleep(0.5)
        publisher.flush(30)


def message(chosen: random.Random, number: int) -> dict[str, object]:
    """Return a message of one of the projects."""
    name = chosen.choice(["vessel"] * 40 + ["person"] * 17 + ["Persn", "Persn", "vesel", "buoy"][: 1 + number % 4])
    box = {"top": 12, "left": number % 500, "height": 30, "width": 40}
    return {
        "projectId": chosen.choice(["harbour"] * 5 + ["night-shift"] * 2 + ["drone-7"]),
        "dataRow": {"globalKey": f"pier-7/cam-2/{number:06}.png"},
        "model": {"name": "detector-3"},
        "annotations": [{"name": name, "bbox": box}],
    }


def main(wanted: list[str]) -> None:
    """Take the pictures."""
    with running() as stack, sync_playwright() as playwright:
        publish(stack)
        browser = pictures.launch(playwright)
        for name, path, links, (width, height), scheme in SHOTS:
            if wanted and name not in wanted:
                continue
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            page.goto(stack.file.console_url)
            page.goto(str(httpx.URL(stack.file.console_url).join(path)))
            for link in links:
                address = page.locator(link).first.get_attribute("href") or ""
                page.goto(str(httpx.URL(stack.file.console_url).join(address)))
            page.wait_for_load_state("networkidle")
            page.evaluate("scrollTo(0, 0)")  # a page may have moved to its button
            pictures.save(page.screenshot(), name)
            context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
