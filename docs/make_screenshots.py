"""Write docs/images: pictures of the sandbox's pages with the example assets, taken with Chromium.

`python docs/make_screenshots.py [NAME …]` takes all pictures, or those named. It starts a sandbox of its own, imports
examples/assets/projects.json through its API, and takes a picture of each kind of page. With --serve, it takes none and
serves the pages until Ctrl-C.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pictures
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "examples/assets"
WIDE, PHONE = (1200, 800), (390, 780)
README = {"x": 0, "y": 0, "width": 1200, "height": 640}
"""The part of an image's page that the README shows: the head of the page and the whole picture."""

CREATE = """mutation ($p: ID!, $n: String!, $f: Upload!, $l: Int!) {
  createModelAssistedLabelingPredictionImport(
    data: {projectId: $p, name: $n, filePayload: {file: $f, contentLength: $l}}) { id } }"""
FIND = (
    "query ($p: ID!, $n: String!) { modelAssistedLabelingPredictionImport(where: {projectId: $p, name: $n}) { state } }"
)


@contextmanager
def sandbox() -> Iterator[httpx.Client]:
    """Run a sandbox with the example assets; yield a client of it."""
    command = [sys.executable, "-m", "prelabel_sandbox", "--data", ":memory:", "--assets", str(ASSETS)]
    command += ["--seconds-per-import", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    try:
        with httpx.Client(base_url=url, headers={"Authorization": "Bearer any"}, trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        process.wait(10)


def load(client: httpx.Client) -> dict[str, str]:
    """Create the example projects and import their lines; return the address of each page by name."""
    pages = {"projects": "/"}
    for example in json.loads((ASSETS / "projects.json").read_text()):
        project = example["project"]
        client.post("/_sandbox/projects", json=project).raise_for_status()
        content = b"\n".join(json.dumps(line).encode() for line in example["lines"])
        import_id = imported(client, project["id"], "model-2031-02-11", content)
        page = client.get(f"/projects/{project['id']}").text
        row = page.split('<th scope="row"><a href="', 1)[1].split('"', 1)[0]
        kind = "chat" if "editorTaskType" in project else project["mediaType"].lower()
        pages[f"row-{kind}"] = row
        if project["mediaType"] == "IMAGE":
            imported(client, project["id"], "model-2031-02-12", content[: content.index(b"\n")])
            pages |= {
                "project": f"/projects/{project['id']}",
                "imports": f"/projects/{project['id']}/imports",
                "import": f"/imports/{import_id}",
            }
    return pages


def imported(client: httpx.Client, project: str, name: str, content: bytes) -> str:
    """Import a file, wait until its import has ended, and return the import's id."""
    variables = {"p": project, "n": name, "f": None, "l": len(content)}
    operations = {"operations": json.dumps({"query": CREATE, "variables": variables}), "map": '{"1": ["variables.f"]}'}
    answer = client.post("/graphql", data=operations, files={"1": ("a.ndjson", content, "application/x-ndjson")}).json()
    find = {"query": FIND, "variables": {"p": project, "n": name}}
    while state_of(client.post("/graphql", json=find).json()) == "RUNNING":
        time.sleep(0.02)
    return str(answer["data"]["createModelAssistedLabelingPredictionImport"]["id"])


def state_of(answer: dict[str, Any]) -> str:
    """Return the state of an import from the answer to `FIND`."""
    return str(answer["data"]["modelAssistedLabelingPredictionImport"]["state"])


def settle(page: Page, name: str) -> None:
    """Wait until a page is complete, and do on it what its picture shows."""
    page.wait_for_load_state("networkidle")
    if name.startswith("row-video"):
        until(page, "document.querySelector('video').readyState >= 2")
        page.get_by_role("slider").fill("26")
        until(page, "!document.querySelector('video').seeking")
    if name.startswith("row-dicom"):
        for slider, number in zip(page.get_by_role("slider").all(), ("14", "22"), strict=True):
            slider.fill(number)
            slider.blur()
        page.wait_for_load_state("networkidle")
    if name in ("row-image", "readme"):
        page.get_by_role("link", name="vessel").first.focus()


def until(page: Page, expression: str) -> None:
    """Wait until an expression is true; Playwright's own wait needs eval, which the pages forbid."""
    while not page.evaluate(expression):
        time.sleep(0.05)


def main(wanted: list[str]) -> None:
    """Take the pictures."""
    with sandbox() as client, sync_playwright() as playwright:
        pages = load(client)
        browser = pictures.launch(playwright)
        shots = [(name, path, WIDE, "light") for name, path in pages.items()]
        shots += [
            ("row-image-phone", pages["row-image"], PHONE, "light"),
            ("row-image-dark", pages["row-image"], WIDE, "dark"),
        ]
        shots += [("row-text-phone", pages["row-text"], PHONE, "dark"), ("readme", pages["row-image"], WIDE, "light")]
        shots += [
            ("row-tms_geo-phone", pages["row-tms_geo"], PHONE, "light"),
            ("row-dicom-dark", pages["row-dicom"], WIDE, "dark"),
            ("row-pdf-phone", pages["row-pdf"], PHONE, "light"),
            ("row-conversational-dark", pages["row-conversational"], WIDE, "dark"),
            ("row-chat-phone", pages["row-chat"], PHONE, "dark"),
        ]
        for name, path, (width, height), scheme in shots:
            if wanted and name not in wanted:
                continue
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            answer = page.goto(str(client.base_url.join(path)))
            assert answer is not None, path
            assert answer.ok, path
            settle(page, name)
            part = {"clip": README} if name == "readme" else {"full_page": True}
            pictures.save(page.screenshot(**part), name)
            page.close()
        browser.close()


def serve() -> None:
    """Show the pages until Ctrl-C."""
    with sandbox() as client, suppress(KeyboardInterrupt):
        load(client)
        print(f"{client.base_url} until Ctrl-C", flush=True)
        signal.pause()


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["--serve"] else main(sys.argv[1:])
