"""The project's rules for docker-compose.yml: rows are safe in Redis, and every service is bounded and watched."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from deploy import compose
from deploy.compose import FILE
from deploy.finding import Finding
from prelabel_worker.cli.commands import COMMANDS
from prelabel_worker.cli.lazy_group import Declared, LazyCommand, Noun
from prelabel_worker.settings import SECRETS, Settings

REDIS = "redis"
_KEEPS_ROWS = {
    "--appendonly": "yes",
    "--appendfsync": "always",
    "--aof-load-truncated": "no",
    "--maxmemory-policy": "noeviction",
}
_REWRITE_FACTOR = 1.5
_FROM_OUTSIDE = re.compile(r"\$\{\w+(:?\?[^}]*)?\}")
_OUTSIDE = "FROM-OUTSIDE"
_SWITCHES = ("true", "false")
_SECRET = re.compile(r"(PASSWORD|API_KEY|AUTH|SECRET|TOKEN)")
_SECRET_OPTIONS = {"--requirepass", "--masterauth", "--pass", "-a", "--api-key"}
_SECRET_FILLED_IN = re.compile(r"(?<!\$)(?:\$\$)*\$[{(]?\w*(PASSWORD|API_KEY|AUTH|SECRET|TOKEN)")
_PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:[^/@\s]+@")
KNOWN_SETTINGS = {f"PRELABEL_{name.upper()}" for name in Settings.model_fields} | {
    f"PRELABEL_{name.upper()}_FILE" for name in SECRETS
}
_BRIDGES = COMMANDS["bridge"]
assert isinstance(_BRIDGES, Noun)  # noqa: S101
for _name, _command in {"gateway": COMMANDS["gateway"], **_BRIDGES.commands}.items():
    assert isinstance(_command, Declared)  # noqa: S101
    KNOWN_SETTINGS |= {option.envvar for option in LazyCommand(_name, _command).load().params if option.envvar}
"""The variables that our commands read."""


def check(text: str, values: Mapping[str, str]) -> list[Finding]:
    """Return everything that is wrong with a compose file; `values` fill in its variables."""
    rules = (_redis, _secrets, _command_lines, _memory, _services, _settings, _flags, _metrics, _published)
    try:
        raw = compose.read(text)
        document = compose.filled(raw, values)
        return [finding for rule in rules for finding in rule(document, raw)]
    except compose.ComposeError as error:
        return [Finding(FILE, "readable", str(error), "YAML, variables that the env file sets, sizes and durations")]


def _services_of_ours(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the services that run our image; those of others have commands of their own."""
    return {name: service for name, service in compose.services(document).items() if service.get("build")}


def _found(service: str, rule: str, found: object, expected: str) -> Finding:
    return Finding(FILE, rule, f"{service}: {found}", expected)


def _redis(document: dict[str, Any], _: dict[str, Any]) -> Iterator[Finding]:
    redis = compose.services(document).get(REDIS)
    if redis is None:
        yield Finding(FILE, "redis", "no service of that name", REDIS)
        return
    options = compose.options(redis)
    for option, value in _KEEPS_ROWS.items():
        if options.get(option) != value:
            yield _found(REDIS, "redis-keeps-rows", f"{option} {options.get(option)}", f"{option} {value}")
    if not options.get("--maxmemory"):
        yield _found(REDIS, "redis-options", "no --maxmemory", "--maxmemory with a value")
    if not re.search(r"^\s*requirepass \$\w", "\n".join(compose.words(redis.get("command"))), re.MULTILINE):
        yield _found(REDIS, "redis-password", "no requirepass", "requirepass with a variable, on standard input")
    if redis.get("ports"):
        yield _found(REDIS, "redis-not-published", f"ports {redis['ports']}", "no ports: workers share its network")
    if not any(str(volume).endswith(":/data") for volume in redis.get("volumes") or ()):
        yield _found(REDIS, "redis-volume", redis.get("volumes"), "a named volume on /data")


def _secrets(_: dict[str, Any], raw: dict[str, Any]) -> Iterator[Finding]:
    marked = compose.mapped(raw, lambda text: _FROM_OUTSIDE.sub(_OUTSIDE, text))
    for name, service in compose.services(marked).items():
        secrets = {key: value for key, value in compose.environment(service).items() if _SECRET.search(key)}
        for variable, value in secrets.items():
            if value != _OUTSIDE and value not in _SWITCHES:
                yield _found(name, "no-secret", f"{variable} with a value", "${NAME:?…}, without a default")
        if re.search(rf"://[^/@\s]*:(?!{_OUTSIDE}@)[^/@\s]+@", str(service)):
            yield _found(name, "no-secret", "a URL with a password", "${NAME:?…}, without a default")


def _command_lines(_: dict[str, Any], raw: dict[str, Any]) -> Iterator[Finding]:
    for name, service in compose.services(raw).items():
        test = (service.get("healthcheck") or {}).get("test")
        for words in map(compose.words, (service.get("entrypoint"), service.get("command"), test)):
            yield from no_secret_in(FILE, name, words)


def no_secret_in(file: str, name: str, words: list[str]) -> Iterator[Finding]:
    """Find secrets on a command line, which everybody on the host can read. `$$NAME` is left to a shell inside."""
    for word in words:
        if word.partition("=")[0] in _SECRET_OPTIONS or _SECRET_FILLED_IN.search(word) or _PASSWORD_IN_URL.search(word):
            yield Finding(file, "no-secret-on-command-line", f"{name}: {word}", "the environment, or standard input")


def _memory(document: dict[str, Any], _: dict[str, Any]) -> Iterator[Finding]:
    redis = compose.services(document).get(REDIS, {})
    maximum = compose.options(redis).get("--maxmemory")
    limit = _limits(redis).get("memory")
    if maximum and limit and compose.size(limit) < _REWRITE_FACTOR * compose.size(maximum):
        expected = f"{_REWRITE_FACTOR} times maxmemory: a rewrite of the append-only file copies pages"
        yield _found(REDIS, "redis-memory", f"limit {limit}, maxmemory {maximum}", expected)


def _limits(service: dict[str, Any]) -> dict[str, Any]:
    limits: dict[str, Any] = service.get("deploy", {}).get("resources", {}).get("limits", {})
    return limits


def _services(document: dict[str, Any], _: dict[str, Any]) -> Iterator[Finding]:
    for name, service in compose.services(document).items():
        wanted = {
            "restart": (service.get("restart"), "unless-stopped"),
            "read-only": (service.get("read_only"), True),
            "capabilities": (service.get("cap_drop"), ["ALL"]),
            "no-new-privileges": (service.get("security_opt"), ["no-new-privileges:true"]),
        }
        for rule, (found, expected) in wanted.items():
            if found != expected:
                yield _found(name, rule, found, str(expected))
        yield from _bounded(name, service)
        if service.get("privileged") or service.get("network_mode") == "host":
            yield _found(name, "isolated", "privileged or network_mode host", "neither")
    for name, service in _services_of_ours(document).items():
        grace, least = service.get("stop_grace_period"), _warm_stop(service)
        if grace is None or compose.seconds(grace) <= least:
            yield _found(name, "stop-grace", grace, f"more than {least:.0f} s, a warm stop")


def _bounded(name: str, service: dict[str, Any]) -> Iterator[Finding]:
    missing = {"cpus", "memory", "pids"} - set(_limits(service))
    if missing:
        yield _found(name, "limits", f"no {', '.join(sorted(missing))}", "deploy.resources.limits")
    if not {"max-size", "max-file"} <= set((service.get("logging") or {}).get("options") or {}):
        yield _found(name, "log-rotation", service.get("logging"), "logging.options max-size and max-file")
    if not (service.get("healthcheck") or {}).get("test"):
        yield _found(name, "healthcheck", service.get("healthcheck"), "healthcheck.test")


def _is_worker(service: dict[str, Any]) -> bool:
    return compose.words(service.get("command"))[:1] == ["worker"]


def _warm_stop(service: dict[str, Any]) -> float:
    """Return the seconds that a service needs to stop: a worker waits for its upload, the sandbox only for answers."""
    if not _is_worker(service):
        return 1.0
    default = Settings.model_fields["request_timeout_seconds"].default
    return float(compose.environment(service).get("PRELABEL_REQUEST_TIMEOUT_SECONDS", default))


def _settings(document: dict[str, Any], _: dict[str, Any]) -> Iterator[Finding]:
    for name, service in compose.services(document).items():
        for variable in compose.environment(service):
            if variable.startswith("PRELABEL_") and variable not in KNOWN_SETTINGS:
                yield _found(name, "known-setting", variable, "a setting of docs/reference/settings.md")


def _flags(document: dict[str, Any], _: dict[str, Any]) -> Iterator[Finding]:
    for name, service in _services_of_ours(document).items():
        entry = compose.words(service.get("entrypoint")) or ["prelabel"]
        yield from flags(FILE, name, [*entry, *compose.words(service.get("command"))])
        test = compose.words((service.get("healthcheck") or {}).get("test"))
        if _is_worker(service) and test != ["CMD", "prelabel", "healthy"]:
            yield _found(name, "health-is-progress", test, "[CMD, prelabel, healthy]")
        if compose.words(service.get("command"))[:1] == ["bridge"]:
            yield from _bridge(name, service, test)


def _bridge(name: str, service: dict[str, Any], test: list[str]) -> Iterator[Finding]:
    file = compose.options(service).get("--metrics")
    if file is None or file not in " ".join(test):
        yield _found(name, "bridge-is-alive", test, "a test of the file of --metrics, which a bridge keeps writing")
    if any("API_KEY" in variable for variable in compose.environment(service)):
        yield _found(name, "bridge-without-key", "an API key", "none: it sends nothing to Labelbox")


def _metrics(document: dict[str, Any], _: dict[str, Any]) -> Iterator[Finding]:
    services = {
        name: service
        for name, service in compose.services(document).items()
        if compose.words(service.get("command"))[:1] == ["metrics"]
    }
    if not services:
        yield Finding(FILE, "metrics", "no service that runs prelabel metrics", "one, so that alerts can be set")
    for name, service in services.items():
        ports = [str(port) for port in service.get("ports") or ()]
        if not ports or not all(port.startswith("127.0.0.1:") for port in ports):
            yield _found(name, "metrics-on-this-machine", f"ports {ports}", "127.0.0.1:PORT:9464")
        if "/metrics" not in str((service.get("healthcheck") or {}).get("test")):
            yield _found(name, "metrics-answer", service.get("healthcheck"), "a test that reads /metrics")
        if any("API_KEY" in variable for variable in compose.environment(service)):
            yield _found(name, "metrics-without-key", "an API key", "none: it sends nothing to Labelbox")


def _published(document: dict[str, Any], _: dict[str, Any]) -> Iterator[Finding]:
    for name, service in compose.services(document).items():
        ports = [str(port) for port in service.get("ports") or ()]
        if not all(port.startswith("127.0.0.1:") for port in ports):
            yield _found(name, "on-this-machine", f"ports {ports}", "127.0.0.1:PORT:PORT")
        if str(service.get("image", "")).rpartition(":")[2] in ("", "latest") or ":" not in str(service.get("image")):
            yield _found(name, "pinned-image", service.get("image"), "an image with a version")


def flags(file: str, name: str, command: list[str]) -> Iterator[Finding]:
    """Find flags that the `--help` of their command does not name, and a command without `--help`."""
    first = next((at for at, word in enumerate(command) if word.startswith("--")), len(command))
    text = _help(tuple(command[:first]))
    for word in command[first:]:
        flag = word.split("=")[0]
        if flag.startswith("--") and not _names(text, flag):
            yield Finding(
                file, "known-flag", f"{name}: {flag} in {shlex.join(command)}", "a flag that its --help names"
            )
    if not text:
        yield Finding(file, "known-command", f"{name}: {shlex.join(command[:first])}", "a command that answers --help")


def _names(text: str, flag: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", text) is not None


@cache
def _help(command: tuple[str, ...]) -> str:
    beside = Path(sys.executable).parent
    program = str(beside / command[0]) if (beside / command[0]).exists() else command[0]
    done = subprocess.run(  # noqa: S603 - our own commands
        [program, *command[1:], "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout if done.returncode == 0 else ""
