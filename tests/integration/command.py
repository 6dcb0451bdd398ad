"""`prelabel …` run in this process, as the entry point does, on a rig's Redis and sandbox."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from prelabel_worker.cli.main import run as run_command
from tests.integration.rig import Rig


class Done(NamedTuple):
    """What a command printed, and its exit code."""

    code: Any
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Done]


def command_of(rig: Rig, monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command, off a terminal and in an empty folder."""
    monkeypatch.chdir(folder)
    settings = rig.settings
    monkeypatch.setenv("PRELABEL_REDIS_URL", settings.redis_url.get_secret_value())
    monkeypatch.setenv("PRELABEL_KEY_PREFIX", settings.key_prefix)
    monkeypatch.setenv("PRELABEL_LABELBOX_ENDPOINT", settings.labelbox_endpoint)
    monkeypatch.setenv("PRELABEL_LABELBOX_API_KEY", "a-key")

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["prelabel", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        capsys.readouterr()
        try:
            run_command()
            code: Any = 0
        except SystemExit as error:
            code = error.code or 0
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run
