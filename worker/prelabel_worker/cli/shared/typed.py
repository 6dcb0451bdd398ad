"""How the person called this command, so that commands that are printed for them work when they are typed."""

import shutil
import sys
from pathlib import Path

from prelabel.printing import quoted_word

_NAME = "prelabel"


def typed(line: str) -> str:
    """Return a line of `printing.command`, or one like it, that begins as the running command was called.

    `prelabel` stays where the shell finds that very program; otherwise its path is put in place, such as
    `.venv/bin/prelabel`.
    """
    called = Path(sys.argv[0])
    on_the_path = shutil.which(_NAME)
    if called.name != _NAME or (on_the_path and Path(on_the_path).resolve() == called.resolve()):
        return line
    return f"{quoted_word(sys.argv[0])}{line.removeprefix(_NAME)}"
