"""Our rules for the Dockerfile, and those of hadolint where it is installed."""

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

FILE = "Dockerfile"
_SECRET = re.compile(r"(?i)(password|passwd|secret|token|api_?key|redis_url|broker_url|index_url)")
_BUILD_TOOLS = re.compile(r"\b(build-essential|gcc|g\+\+|make|cargo|rustc|pip3?\s+install)\b")
_PROGRESS = ["prelabel", "healthy"]


def check(text: str) -> list[Finding]:
    """Return what is wrong with a Dockerfile that neither hadolint nor a build would find."""
    try:
        instructions = dockerfile.parse(text)
    except dockerfile.DockerfileError as error:
        return [Finding(FILE, "readable", str(error), "the syntax that deploy/dockerfile.py knows")]
    rules = (_base, _user, _health, _stop, _pip, _secrets, _final_stage)
    return [finding for rule in rules for finding in rule(instructions)]


def hadolint(path: Path) -> list[Finding] | None:
    """Return hadolint's findings, down to `info`; None if it is not installed, since not every machine has a wheel."""
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
    messages = json.loads(done.stdout or "[]")
    if done.returncode and not messages:
        return [Finding(path.name, "hadolint", done.stderr.strip() or f"exit code {done.returncode}", "a clean run")]
    return [
        Finding(f"{path.name}:{message['line']}", f"hadolint {message['code']}", message["message"], "a clean run")
        for message in messages
    ]


def _found(at: Instruction, rule: str, expected: str, found: str | None = None) -> Finding:
    return Finding(f"{FILE}:{at.line}", rule, found or f"{at.name} {at.text}", expected)


def _base(instructions: list[Instruction]) -> Iterator[Finding]:
    values, stages = dockerfile.arguments(instructions), set()
    for instruction in instructions:
        if instruction.name != "FROM":
            continue
        words = dockerfile.expand(instruction.text, values).split()
        image, alias = words[0], words[2] if len(words) > 2 else None
        tag = image.rsplit("/", 1)[-1].partition(":")[2]
        if image not in stages and "@sha256:" not in image and not re.match(r"\d+\.\d+\.\d+", tag):
            yield _found(instruction, "base-pinned", "a tag with the whole version, or a digest", image)
        stages.add(alias)


def _last(instructions: list[Instruction], name: str) -> Instruction | None:
    """Return the last such instruction of the last stage: earlier stages do not count for the finished image."""
    final = instructions[-1].stage if instructions else 0
    return next(
        (
            instruction
            for instruction in reversed(instructions)
            if instruction.name == name and instruction.stage == final
        ),
        None,
    )


def _user(instructions: list[Instruction]) -> Iterator[Finding]:
    user = _last(instructions, "USER")
    name = user.text if user else "no USER in the last stage"
    if not re.match(r"[1-9]\d*(:[1-9]\d*)?$", name):
        yield Finding(FILE, "user-not-root", name, "a numeric uid that is not 0")


def _health(instructions: list[Instruction]) -> Iterator[Finding]:
    check = _last(instructions, "HEALTHCHECK")
    if check is None or (check.exec_form or [])[:2] != _PROGRESS:
        yield Finding(FILE, "health-is-progress", check.text if check else "no HEALTHCHECK", "CMD " + str(_PROGRESS))


def _stop(instructions: list[Instruction]) -> Iterator[Finding]:
    signal = _last(instructions, "STOPSIGNAL")
    if signal is None or signal.text != "SIGTERM":
        yield Finding(FILE, "stop-signal", signal.text if signal else "no STOPSIGNAL", "SIGTERM: a warm stop")


def _pip(instructions: list[Instruction]) -> Iterator[Finding]:
    for instruction in instructions:
        for command in re.split(r"&&|;|\|\|", instruction.text) if instruction.name == "RUN" else ():
            if not re.search(r"\bpip3?\b.*\binstall\b", command):
                continue
            if "--constraint constraints.txt" not in command:
                yield _found(instruction, "pip-options", "--constraint constraints.txt", command.strip())


def _secrets(instructions: list[Instruction]) -> Iterator[Finding]:
    for instruction in instructions:
        for name in dockerfile.pairs(instruction) if instruction.name in ("ENV", "ARG") else ():
            if _SECRET.search(name):
                yield _found(
                    instruction, "no-secret", "secrets at run time only: layers keep what they were given", name
                )


def _final_stage(instructions: list[Instruction]) -> Iterator[Finding]:
    final = instructions[-1].stage if instructions else 0
    if final < 1:
        yield Finding(FILE, "two-stages", f"{final + 1} stage", "a build stage and a final one")
    for instruction in instructions:
        if instruction.stage == final and instruction.name == "RUN" and (tool := _BUILD_TOOLS.search(instruction.text)):
            yield _found(instruction, "no-build-tools", "the last stage without them", tool[0])
