"""Code on the pages for users can be pasted as it stands: it imports what it uses, and files that it names exist."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import prelabel
from prelabel.testing import AsyncRecordingPublisher, RecordingPublisher
from prelabel_worker.settings import load_settings
from tests.support.command import Command, command_of
from tests.support.sources import ROOT

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs/tutorial").glob("*.md")),
    *sorted((ROOT / "docs/how-to").glob("*.md")),
]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def test_every_name_in_python_code_is_defined_or_imported(tmp_path: Path) -> None:
    for page in PAGES:
        for at, code in enumerate(blocks(page, "python")):
            (tmp_path / f"{page.stem}_{at}.py").write_text(code)
    assert len(list(tmp_path.iterdir())) > 10

    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F", "--output-format", "concise", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


PUBLISHING = [
    (page, at)
    for page in ("publish-from-python", "publish-from-files")
    for at, code in enumerate(blocks(ROOT / f"docs/how-to/{page}.md", "python"))
    if "Publisher(" in code
]


@pytest.mark.parametrize(("page", "at"), PUBLISHING)
def test_code_that_publishes_runs_as_it_stands(page: str, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[RecordingPublisher | AsyncRecordingPublisher] = []

    def recording(kind: type[Any]) -> Callable[..., Any]:
        def make(**_: Any) -> Any:
            made.append(kind())
            return made[-1]

        return make

    monkeypatch.setattr(prelabel, "Publisher", recording(RecordingPublisher))
    monkeypatch.setattr(prelabel, "AsyncPublisher", recording(AsyncRecordingPublisher))
    monkeypatch.chdir(ROOT)

    exec(blocks(ROOT / f"docs/how-to/{page}.md", "python")[at], {"__name__": "__main__"})

    assert made[0].published("demo-project")


def dry_runs() -> list[str]:
    pages = [ROOT / "docs/how-to/publish-from-files.md", *sorted((ROOT / "docs/reference").glob("formats-*.md"))]
    sh = [block for page in pages for block in blocks(page, "sh")]
    return [line for block in sh for line in block.splitlines() if line.endswith("--dry-run")]


@pytest.mark.parametrize("line", dry_runs())
def test_files_of_other_tools_on_the_page_can_be_published(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (ROOT / "examples/formats").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = load_settings(redis_url="redis://127.0.0.1:1/0", labelbox_api_key="k")
    command: Command = command_of(settings, monkeypatch, tmp_path, capsys)

    done = command(*shlex.split(line)[1:])

    assert done.code == 0, done.err
    assert re.match(r"would publish [1-9]\d*, refuse 0;", done.out)


def test_each_format_of_the_examples_is_shown() -> None:
    words = {word for line in dry_runs() for word in shlex.split(line)}

    assert {file.name for file in (ROOT / "examples/formats").iterdir()} <= words
