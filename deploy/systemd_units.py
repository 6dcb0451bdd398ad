"""Check the systemd units: by systemd's own verifier where it is installed, and the commands and settings in them."""

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy import compose_rules
from deploy.finding import Finding

FOLDER = "deploy/systemd"
PROGRAM = "/opt/prelabel/bin/prelabel"


def units(root: Path) -> dict[str, str]:
    """Return the units by file."""
    files = sorted((root / FOLDER).iterdir())
    return {f"{FOLDER}/{file.name}": file.read_text("utf-8") for file in files}


def check(file: str, text: str) -> list[Finding]:
    """Return what is wrong with the commands and settings of a unit."""
    return [*_commands(file, text), *_settings(file, text), *_stop(file, text)]


def _commands(file: str, text: str) -> Iterator[Finding]:
    for called in re.findall(rf"{PROGRAM}( [^>;&|]*)", text):
        words = [word for word in shlex.split(called.replace('"$$SPOOL_DIR"', "DIR").rstrip("'")) if word != "DIR"]
        yield from compose_rules.no_secret_in(file, file, words)
        yield from compose_rules.flags(file, file, ["prelabel", *words])


def _settings(file: str, text: str) -> Iterator[Finding]:
    for variable in re.findall(r"^Environment=(PRELABEL_\w+)=", text, re.MULTILINE):
        if variable not in compose_rules.KNOWN_SETTINGS:
            yield Finding(file, "known-setting", variable, "a setting of docs/reference/settings.md")
    for credential in re.findall(r"=%d/([\w-]+)$", text, re.MULTILINE):
        if f"LoadCredential={credential}:" not in text:
            yield Finding(file, "credential", f"%d/{credential}", f"LoadCredential={credential}:…")


def _stop(file: str, text: str) -> Iterator[Finding]:
    if f"{PROGRAM} worker" not in text:
        return
    for line in ("KillMode=mixed", "TimeoutStopSec=90"):
        if line not in text:
            yield Finding(file, "warm-stop", f"no {line}", line)


def verify(root: Path) -> list[Finding] | None:
    """Return what systemd says about the units, as if prelabel were installed; None if it is not on this machine."""
    program = shutil.which("systemd-analyze")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        command = Path(folder) / "prelabel"  # a link, since a unit would need quotes for a path with a space
        command.symlink_to(Path(sys.executable).with_name("prelabel"))
        copies = []
        for file, text in units(root).items():
            copies.append(Path(folder) / Path(file).name)
            copies[-1].write_text(text.replace(PROGRAM, str(command)), "utf-8")
        done = subprocess.run(  # noqa: S603 - our own files
            [program, "verify", "--man=no", "--recursive-errors=no", *map(str, copies)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    lines = [line for line in done.stderr.splitlines() if "prelabel-" in line]
    return [Finding(FOLDER, "systemd-analyze verify", line, "a clean run") for line in lines]
