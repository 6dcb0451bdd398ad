"""Logs: JSON lines with our words, and no secret in any of them."""

import json
import logging
import re

import pytest
import structlog

from prelabel.unix_time import UnixTime
from prelabel_worker import logs
from prelabel_worker.settings import load_settings


@pytest.fixture(autouse=True)
def _restore_logging():  # type: ignore[no-untyped-def]
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_json_and_secrets_are_taken_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(load_settings(labelbox_api_key="sk-4711", log_format="json"))

    structlog.get_logger("x").warning(
        "request.failed", project="p", detail="sent Bearer sk-4711", url="redis://u:pw@h/0"
    )
    try:
        raise ValueError("the key is sk-4711")
    except ValueError:
        logging.getLogger("other").exception("redis://:pw@host")

    ours, foreign = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert ours["event"] == "request.failed"
    assert ours["project"] == "p"
    assert ours["level"] == "warning"
    assert UnixTime.from_iso(ours["timestamp"]).iso() == ours["timestamp"]
    assert UnixTime.from_iso(foreign["timestamp"]).iso() == foreign["timestamp"]
    assert ours["url"] == "redis://u:***@h/0"
    assert "sk-4711" not in json.dumps([ours, foreign])
    assert ":pw@" not in json.dumps([ours, foreign])


def test_an_event_below_the_level_costs_no_look_at_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    class Untouchable:
        def __repr__(self) -> str:
            raise AssertionError("a field of an event that nobody sees was read")

    logs.set_up(load_settings(log_level="warning"))

    structlog.get_logger("x").info("import.settled", project=Untouchable())

    assert capsys.readouterr().err == ""


def test_a_terminal_gets_readable_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(load_settings(log_format="console"))

    structlog.get_logger("x").info("import.settled", project="p")

    line = capsys.readouterr().err
    assert "import.settled" in line
    assert not line.startswith("{")


def test_a_terminal_gets_no_control_character_of_others(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(load_settings(log_format="console"))
    hostile = "\x1b]52;c;eA==\x07\r\n\u202e\x9b2J"

    structlog.get_logger("x").info("row.refused", project=hostile, found=[hostile], details={"key": hostile})
    logging.getLogger("redis").warning("said %s", hostile)
    try:
        raise ValueError(hostile)
    except ValueError:
        structlog.get_logger("x").exception("task.failed")

    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().err).split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    assert sum("\\x1b]52;" in line for line in lines) >= 3
