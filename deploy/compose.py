"""Read a compose file, fill in its variables, and check it against the schema."""

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
_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<braced>\w+)(?:(?P<how>:?[-?])(?P<other>[^}]*))?\}|(?P<plain>\w+))")
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ComposeError(ValueError):
    """The compose file cannot be used, or a variable that it needs is not set."""


def read(text: str) -> dict[str, Any]:
    """Return the file with its anchors and merges resolved, and its variables as written."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ComposeError(str(error)) from None
    if not isinstance(found, dict) or not isinstance(found.get("services"), dict):
        raise ComposeError("a mapping with services was expected")
    return found


def services(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the services by name."""
    found: dict[str, dict[str, Any]] = document["services"]
    return found


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """Return the value with every `${NAME}`, `${NAME:-default}` and `${NAME:?why}` filled in."""
    return mapped(value, lambda text: _VARIABLE.sub(lambda found: _value(found, values), text))


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return the value with `change` applied to every text in it."""
    if isinstance(value, dict):
        return {name: mapped(each, change) for name, each in value.items()}
    if isinstance(value, list):
        return [mapped(each, change) for each in value]
    return change(value) if isinstance(value, str) else value


def _value(found: re.Match[str], values: Mapping[str, str]) -> str:
    if found["escaped"]:
        return "$"
    name, how, other = found["braced"] or found["plain"], found["how"] or "", found["other"] or ""
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
    """Return the words of a command in either form; none without a command."""
    return shlex.split(command) if isinstance(command, str) else [str(word) for word in command or ()]


def environment(service: dict[str, Any]) -> dict[str, str]:
    """Return a service's environment, from either form."""
    given = service.get("environment") or {}
    pairs: Iterable[tuple[str, Any]]
    pairs = given.items() if isinstance(given, dict) else (line.partition("=")[::2] for line in given)
    return {name: str(value) for name, value in pairs}


def options(service: dict[str, Any]) -> dict[str, str]:
    """Return each word of a service's command with the word after it, to look up `--option value`."""
    return dict(pairwise(words(service.get("command"))))


def size(text: Any) -> int:
    """Return the bytes of `512M`, `1gb` or a number."""
    found = re.fullmatch(r"(\d+)\s*([bkmg]?)b?", str(text).strip().lower())
    if found is None:
        raise ComposeError(f"{text!r} is no size")
    return int(found[1]) * _UNITS[found[2]]


def seconds(text: Any) -> float:
    """Return the seconds of a duration such as `1m30s`."""
    found = re.findall(r"(\d+)(ms|s|m|h)", str(text))
    if not found or "".join(map("".join, found)) != str(text):
        raise ComposeError(f"{text!r} is no duration")
    return sum(int(number) * _SECONDS[unit] for number, unit in found)


def schema(text: str) -> list[Finding]:
    """Check the text against the compose specification's schema, which check-jsonschema includes."""
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
    found = [(each["path"], each["message"]) for each in answer["errors"]]
    found += [("", str(each)) for each in answer.get("parse_errors", ())]
    return [Finding(FILE, "compose-schema", f"{path}: {text}", "the compose specification") for path, text in found]
