"""Spell printed commands as the user called this one, so that they work when they are typed."""

import shutil
import sys
from pathlib import Path

from prelabel import printing

_NAME = "prelabel"


def command(name: str, *values: object, **options: object) -> str:
    """Return a command of ours, as `printing.command` does, as it can be typed in the user's shell."""
    return typed(printing.command(name, *values, **options))


def typed(line: str) -> str:
    """Return a command line, which begins with `prelabel`, as it can be typed in the user's shell.

    `prelabel` stays where the shell finds the running program under that name; otherwise the path by which the user
    called it takes its place, such as `.venv/bin/prelabel`.
    """
    called = Path(sys.argv[0])
    on_the_path = shutil.which(_NAME)
    if called.name != _NAME or (on_the_path and Path(on_the_path).resolve() == called.resolve()):
        return line
    return f"{printing.quoted_word(sys.argv[0])}{line.removeprefix(_NAME)}"
