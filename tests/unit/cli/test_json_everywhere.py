"""A script can read the answer of every command."""

import pytest

from prelabel_worker.cli.commands import COMMANDS
from prelabel_worker.cli.lazy_group import Declared, LazyCommand, Noun

WITHOUT_JSON = {
    "demo": "is watched by a person",
    "up": "runs until it is interrupted; stack.json and stack.env have its addresses",
    "worker": "runs until it is interrupted; its log is JSON",
    "console": "runs until it is interrupted; /healthz answers in JSON",
    "gateway": "runs until it is interrupted; it answers in JSON, and its log is JSON",
    **dict.fromkeys(
        ("bridge redis", "bridge folder", "bridge kafka", "bridge nats", "bridge sqs"),
        "runs until it is interrupted; its log is JSON",
    ),
    "metrics": "answers in Prometheus's text format",
    "sandbox run": "runs until it is interrupted; it prints its address as JSON",
    "dead export": "writes NDJSON",
    "ontology infer": "prints JSON",
}
"""The commands without `--json`, each with the reason."""


def commands() -> dict[str, Declared]:
    declared: dict[str, Declared] = {}
    for noun, entry in COMMANDS.items():
        if isinstance(entry, Noun):
            declared |= {f"{noun} {name}": command for name, command in entry.commands.items()}
        else:
            declared[noun] = entry
    return declared


def takes_json(words: str) -> bool:
    command = LazyCommand(words.split()[-1], commands()[words]).load()
    return any("--json" in parameter.opts for parameter in command.params)


@pytest.mark.parametrize("words", commands())
def test_a_command_takes_json_or_has_a_reason_not_to(words: str) -> None:
    assert takes_json(words) == (words not in WITHOUT_JSON)


def test_every_exception_is_a_command() -> None:
    assert WITHOUT_JSON.keys() <= commands().keys()
