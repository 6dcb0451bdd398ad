"""Give the running stack's addresses to programs elsewhere, as the variables that they read.

The variables hold a password and a key. They are in `.prelabel/stack.env`, which only its owner can read, so that a
shell can take them without showing them or keeping them in its history.
"""

import re
from pathlib import Path

from prelabel.printing import quoted_word
from prelabel.private_files import replace
from prelabel.stack_file import StackFile

NAME = "stack.env"
_MASK = r"//\1:***@"
_PASSWORD = re.compile(r"(?<=:)//([^:@/]*):[^@/]*@")


def variables(stack: StackFile) -> dict[str, str]:
    """Return the variables of the stack: the first is all that a publisher needs."""
    gateway = {"PRELABEL_GATEWAY_URL": stack.gateway_url} if stack.gateway_url else {}
    return {
        "PRELABEL_REDIS_URL": stack.redis_url,
        "PRELABEL_BROKER_URL": stack.broker_url,
        "PRELABEL_LABELBOX_ENDPOINT": stack.labelbox_endpoint,
        "PRELABEL_LABELBOX_API_KEY": stack.labelbox_api_key,
        **gateway,
    }


def masked(stack: StackFile) -> list[str]:
    """Return the variables without the password and the key, for output that others may read."""
    shown = variables(stack) | {"PRELABEL_LABELBOX_API_KEY": "***"}
    return [f"{name}={_PASSWORD.sub(_MASK, value)}" for name, value in shown.items()]


def exports(stack: StackFile) -> list[str]:
    """Return the commands of a shell that set the variables."""
    return [f"export {name}={quoted_word(value)}" for name, value in variables(stack).items()]


def write(stack: StackFile, folder: Path) -> None:
    """Write `stack.env`, readable by its owner alone."""
    replace(folder / NAME, "".join(f"{line}\n" for line in exports(stack)).encode())


def remove(folder: Path) -> None:
    """Remove the file, since the stack has stopped."""
    (folder / NAME).unlink(missing_ok=True)
