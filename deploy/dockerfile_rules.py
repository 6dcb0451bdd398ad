"""Our rules for the Dockerfile, and those of hadolint if it is installed."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy import dockerfile
from deploy.dockerfile import Instruction
from deploy.finding import Finding
from deploy.ignored import Ignored

FILE = "Dockerfile"
_SECRET = re.compile(r"(?i)(password|passwd|secret|token|api_?key|redis_url|broker_url|index_url)")
_EXEC_FORM = ("CMD", "ENTRYPOINT", "HEALTHCHECK")
_BUILD_TOOLS = re.compile(r"\b(build-essential|gcc|g\+\+|make|cargo|rustc|pip3?\s+install)\b")
_PROGRESS = ["prelabel", "healthy"]


def check(text: str, root: Path) -> list[Finding]:
    """Return every rule that a Dockerfile breaks; `root` is its build folder."""
    try:
        instructions = dockerfile.parse(text)
    except dockerfile.DockerfileError as error:
        return [Finding(FILE, "readable", str(error), "the syntax that deploy/dockerfile.py knows")]
    rules = (_base, _user, _forms, _health, _stop, _add, _pip, _copies, _secrets, _final_stage)
    return [finding for rule in rules for finding in rule(instructions, root)]


def hadolint(path: Path) -> list[Finding] | None:
    """Return hadolint's findings down to level `info`; None if it is not installed (not every machine has a wheel)."""
    beside = Path(sys.executable).with_name("hadolint")
    program = str(beside) if beside.exists() else shutil.which("hadolint")
    if program is None:
        return None
    done = subprocess.run(  # noqa: S603 - our own tool
        [program, "--no-color", "--format", "json", "--failure-threshold", "info", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found = json.loads(done.stdout or "[]")
    if done.returncode and not found:
        return [Finding(path.name, "hadolint", done.stderr.strip() or f"exit code {done.returncode}", "a clean run")]
    return [
        Finding(f"{path.name}:{each['line']}", f"hadolint {each['code']}", each["message"], "a clean run")
        for each in found
    ]


def _found(at: Instruction, rule: str, expected: str, found: str | None = None) -> Finding:
    return Finding(f"{FILE}:{at.line}", rule, found or f"{at.name} {at.text}", expected)


def _base(instructions: list[Instruction], _: Path) -> Iterator[Finding]:
    values, stages = dockerfile.arguments(instructions), set()
    for each in instructions:
        if each.name != "FROM":
            continue
        words = dockerfile.expand(each.text, values).split()
        image, alias = words[0], words[2] if len(words) > 2 else None
        tag = image.rsplit("/", 1)[-1].partition(":")[2]
        if image not in stages and "@sha256:" not in image and not re.match(r"\d+\.\d+\.\d+", tag):
            yield _found(each, "base-pinned", "a tag with the whole version, or a digest", image)
        stages.add(alias)


def _last(instructions: list[Instruction], name: str) -> Instruction | None:
    """Return the last such instruction of the last stage, since only that one applies to the finished image."""
    final = instructions[-1].stage if instructions else 0
    return next((each for each in reversed(instructions) if each.name == name and each.stage == final), None)


def _user(instructions: list[Instruction], _: Path) -> Iterator[Finding]:
    user = _last(instructions, "USER")
    name = user.text if user else "no USER in the last stage"
    if not re.match(r"[1-9]\d*(:[1-9]\d*)?$", name):
        yield Finding(FILE, "user-not-root", name, "a numeric uid that is not 0")


def _forms(instructions: list[Instruction], _: Path) -> Iterator[Finding]:
    for each in instructions:
        if each.name in _EXEC_FORM and each.exec_form is None and each.text != "NONE":
            yield _found(each, "exec-form", "a JSON array: a shell between would take the signals")
    if _last(instructions, "ENTRYPOINT") is None:
        yield Finding(FILE, "exec-form", "no ENTRYPOINT in the last stage", "one, as a JSON array")


def _health(instructions: list[Instruction], _: Path) -> Iterator[Finding]:
    check = _last(instructions, "HEALTHCHECK")
    if check is None or (check.exec_form or [])[:2] != _PROGRESS:
        yield Finding(FILE, "health-is-progress", check.text if check else "no HEALTHCHECK", "CMD " + str(_PROGRESS))


def _stop(instructions: list[Instruction], _: Path) -> Iterator[Finding]:
    signal = _last(instructions, "STOPSIGNAL")
    if signal is None or signal.text != "SIGTERM":
        yield Finding(FILE, "stop-signal", signal.text if signal else "no STOPSIGNAL", "SIGTERM: a warm stop")


def _add(instructions: list[Instruction], _: Path) -> Iterator[Finding]:
    for each in instructions:
        if each.name == "ADD":
            yield _found(each, "no-add", "COPY: ADD also fetches and unpacks")


def _pip(instructions: list[Instruction], _: Path) -> Iterator[Finding]:
    for each in instructions:
        for command in re.split(r"&&|;|\|\|", each.text) if each.name == "RUN" else ():
            if not re.search(r"\bpip3?\b.*\binstall\b", command):
                continue
            for option in ("--no-cache-dir", "--constraint constraints.txt"):
                if option not in command:
                    yield _found(each, "pip-options", option, command.strip())


def _copies(instructions: list[Instruction], root: Path) -> Iterator[Finding]:
    rules = root / ".dockerignore"
    ignored = Ignored(rules.read_text("utf-8") if rules.exists() else "")
    for each in instructions:
        if each.name != "COPY" or "from" in each.options:
            continue
        for source in each.words[:-1]:
            if not (root / source).exists():
                yield _found(each, "copy-source", "a file of the tree", f"{source}, which is not there")
            elif ignored(source):
                yield _found(each, "copy-source", "a file that .dockerignore lets through", f"{source}, left out")


def _secrets(instructions: list[Instruction], _: Path) -> Iterator[Finding]:
    for each in instructions:
        for name in dockerfile.pairs(each) if each.name in ("ENV", "ARG") else ():
            if _SECRET.search(name):
                yield _found(each, "no-secret", "secrets at run time only: layers keep what they were given", name)


def _final_stage(instructions: list[Instruction], _: Path) -> Iterator[Finding]:
    final = instructions[-1].stage if instructions else 0
    if final < 1:
        yield Finding(FILE, "two-stages", f"{final + 1} stage", "a build stage and a final one")
    for each in instructions:
        if each.stage == final and each.name == "RUN" and (tool := _BUILD_TOOLS.search(each.text)):
            yield _found(each, "no-build-tools", "the last stage without them", tool[0])
