"""Runs `prelabel …` in this process, as the entry point does, with a test's settings."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from prelabel_worker.cli.main import run as run_command
from prelabel_worker.settings import Settings


class Done(NamedTuple):
    """A command that has ended: its exit code, and its output."""

    code: Any
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Done]


def command_of(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str], *noun: str
) -> Command:
    """Return a function that runs `prelabel`, or the commands below a noun, without a terminal and in this folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PRELABEL_REDIS_URL", settings.redis_url.get_secret_value())
    monkeypatch.setenv("PRELABEL_KEY_PREFIX", settings.key_prefix)
    monkeypatch.setenv("PRELABEL_LABELBOX_ENDPOINT", settings.labelbox_endpoint)
    monkeypatch.setenv("PRELABEL_LABELBOX_API_KEY", "a-key")

    def run(*words: str, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "argv", ["prelabel", *noun, *words])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        try:
            run_command()
            code: Any = 0
        except SystemExit as error:
            code = error.code or 0
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


READING = [
    "status",
    "status --json",
    "project list",
    "audit --json",
    "dead list",
    "dead groups",
    "actions",
    "dead export",
    "dead show 1",
    "dead show 99",
    "dead retry --all --dry-run",
    "dead discard --all --dry-run",
    "import list",
    "import show nobody",
    "import undo nobody",
    "row show a",
    "account list",
    "account resume default",
    "metrics --once",
    "wait --timeout 0",
    "doctor --json",
]
