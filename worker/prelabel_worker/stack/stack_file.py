"""Write `.prelabel/stack.json`, and read it for the commands; `prelabel.stack_file` has its form and trust rules."""

import json
from dataclasses import asdict
from pathlib import Path

from prelabel.private_files import replace
from prelabel.stack_file import FOLDER, KEYS, NAME, NoStack, StackFile, UntrustedStack, find_stack
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.stack import private


def write(stack: StackFile, folder: Path = FOLDER) -> None:
    """Write the file atomically, readable by its owner alone, since it holds a password and a key."""
    private.make_folder(folder)
    fields = {KEYS[name]: value for name, value in asdict(stack).items()}
    replace(folder / NAME, json.dumps(fields, indent=1).encode())


def read() -> StackFile | None:
    """Return the stack that runs in the working directory or above it; None if there is none.

    Raises ConfigurationError for a file that somebody else could have written or read.
    """
    try:
        return find_stack()[1]
    except UntrustedStack as error:
        raise ConfigurationError(f"{error}. Or name a Redis: --redis-url or PRELABEL_REDIS_URL") from None
    except NoStack:
        return None


def remove(folder: Path = FOLDER) -> None:
    """Remove the file, since the stack has stopped."""
    (folder / NAME).unlink(missing_ok=True)
