"""Read a compose file, fill in its variables, and check it by its schema."""

import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from deploy.finding import Finding

FILE = "docker-compose.yml"
ENV_FILE = "deploy/sandbox.env"
"""The values of its variables with which the local Labelbox is used."""
_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<braced>\w+)(?:(?P<how>:?[-?])(?P<other>[^}]*))?\}|(?P<plain>\w+))")
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ComposeError(ValueError):
    """A compose file that cannot be used, or a variable it needs that is not set."""


def read(text: str) -> dict[str, Any]:
    """Return the file's content with its anchors and merges resolved. Raises ComposeError."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ComposeError(str(error)) from None
    if not isinstance(document, dict) or not isinstance(document.get("services"), dict):
        raise ComposeError("a mapping with services was expected")
    return document


def services(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the services by name."""
    by_name: dict[str, dict[str, Any]] = document["services"]
    return by_name


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """Return a copy with every `${NAME}`, `${NAME:-default}` and `${NAME:?why}` filled in. Raises ComposeError."""
    return mapped(value, lambda text: _VARIABLE.sub(lambda match: _value(match, values), text))


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return a copy in which every text is changed by this function."""
    if isinstance(value, dict):
        return {name: mapped(item, change) for name, item in value.items()}
    if isinstance(value, list):
        return [mapped(item, change) for item in value]
    return change(value) if isinstance(value, str) else value


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    name, how, other = match["braced"] or match["plain"], match["how"] or "", match["other"] or ""
    value = values.get(name)
    if value or (value == "" and not how.startswith(":")):
        return value
    if how.endswith("?"):
        raise ComposeError(f"{name} is not set: {other}")
    return other


def env_file(path: Path) -> dict[str, str]:
    """Return the values of an env file by name."""
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def words(command: Any) -> list[str]:
    """Return the words of a command, which is a text or a list; none if there is no command."""
    return shlex.split(command) if isinstance(command, str) else [str(word) for word in command or ()]


def environment(service: dict[str, Any]) -> dict[str, str]:
    """Return a service's environment, which is a mapping or a list.

    Variables without a value, which compose takes from the caller's environment, are left out.
    """
    entries = service.get("environment") or {}
    pairs: Iterable[tuple[str, Any]]
    pairs = entries.items() if isinstance(entries, dict) else (line.partition("=")[::2] for line in entries)
    return {name: str(value) for name, value in pairs if value is not None}


def options(service: dict[str, Any]) -> dict[str, str]:
    """Return the word after each word of a service's command, to look up `--option value`."""
    return dict(pairwise(words(service.get("command"))))


def size(text: Any) -> int:
    """Return the bytes of `512M`, `1gb` or a number. Raises ComposeError."""
    match = re.fullmatch(r"(\d+)\s*([bkmg]?)b?", str(text).strip().lower())
    if match is None:
        raise ComposeError(f"{text!r} is not a size")
    return int(match[1]) * _UNITS[match[2]]


def seconds(text: Any) -> float:
    """Return the seconds of a duration such as `1m30s`. Raises ComposeError."""
    parts = re.findall(r"(\d+)(ms|s|m|h)", str(text))
    if not parts or "".join(map("".join, parts)) != str(text):
        raise ComposeError(f"{text!r} is not a duration")
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


def schema(text: str) -> list[Finding]:
    """Return what violates the compose specification, by the schema that check-jsonschema contains."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE
        file.write_text(text, "utf-8")
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
        done = subprocess.run(  # noqa: S603 - our own tool
            [*command, "--output-format", "json", str(file)], capture_output=True, text=True, check=False, timeout=60
        )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return [Finding(FILE, "compose-schema", (done.stderr or done.stdout).strip(), "an answer of check-jsonschema")]
    errors = [(error["path"], error["message"]) for error in answer["errors"]]
    errors += [("", str(error)) for error in answer.get("parse_errors", ())]
    return [Finding(FILE, "compose-schema", f"{path}: {text}", "the compose specification") for path, text in errors]
