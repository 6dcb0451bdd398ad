"""Make the environments of tools under `.lanes/tools`, anew when what they are made of has changed."""

import subprocess
import sys
from pathlib import Path

from tests.frameworks.tools import Environment

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".lanes" / "tools"
_PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--retries", "2", "--timeout", "60")


class CannotInstall(Exception):
    """The packages of an environment cannot be installed here; the text has pip's last line."""


def python_of(environment: Environment) -> Path:
    """Return the Python of an environment, whether it has been made or not."""
    return FOLDER / environment.name / "bin" / "python"


def is_made(environment: Environment) -> bool:
    """Return whether the environment is there, and made of what is asked for."""
    stamp = _stamp(environment)
    return stamp.exists() and stamp.read_text("utf-8") == repr(environment)


def make(environment: Environment) -> None:
    """Make an environment. Raises CannotInstall."""
    if is_made(environment):
        return
    folder, python = FOLDER / environment.name, python_of(environment)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    _install(python, *environment.packages)
    if environment.alone:
        _install(python, "--no-deps", *environment.alone)
    if environment.extras is not None:
        _install(python, "--editable", f".[{environment.extras}]" if environment.extras else ".")
    _stamp(environment).write_text(repr(environment), "utf-8")


def _stamp(environment: Environment) -> Path:
    return FOLDER / environment.name / "made-of"


def _install(python: Path, *words: str) -> None:
    done = subprocess.run([python, *_PIP, "install", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotInstall(done.stderr.strip().rpartition("\n")[2])
