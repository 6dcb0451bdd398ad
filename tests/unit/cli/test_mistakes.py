"""A mistake in the words of a command, and a service that is away: one line and an exit code, and no traceback."""

from pathlib import Path

import pytest

from prelabel_worker.settings import load_settings
from tests.support.command import Command, command_of

AWAY = "redis://:s3cret@127.0.0.1:1/0"


@pytest.fixture
def prelabel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return command_of(load_settings(redis_url=AWAY), monkeypatch, tmp_path, capsys)


@pytest.mark.parametrize(
    "words",
    [
        "publish",
        "publish no-such-file.ndjson",
        "publish - --format coco-results",
        "publish x --format odd",
        "publish x --format coco-results -p p --categories y --global-key same",
        "dead retry",
        "dead retry 1",
        "wait --timeout soon",
        "sandbox project no-such-file.json",
        "nonsense",
    ],
)
def test_a_mistake_in_the_words_is_told_before_redis_is_asked(prelabel: Command, words: str) -> None:
    done = prelabel(*words.split(" "))

    assert done.code == 2
    assert "Traceback" not in done.err


@pytest.mark.parametrize("words", ["status", "wait", "audit", "dead list", "publish -", "doctor"])
def test_an_unreachable_service_is_exit_code_4_without_the_password(prelabel: Command, words: str) -> None:
    done = prelabel(*words.split(" "))

    assert done.code == 4
    assert "127.0.0.1:1" in done.err
    assert "s3cret" not in done.err + done.out
    assert "Traceback" not in done.err
