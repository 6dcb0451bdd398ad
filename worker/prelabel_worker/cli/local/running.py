"""What `prelabel up` and `prelabel demo --keep` share: they print the stack's addresses and keep its parts running."""

import sys
from collections.abc import Iterator
from queue import SimpleQueue

import typer

from prelabel.printing import quoted_word
from prelabel_worker.cli.shared.terminal import AWAY, say
from prelabel_worker.stack import environment
from prelabel_worker.stack.errors import PartEnded
from prelabel_worker.stack.stack import Stack
from prelabel_worker.stack.supervisor import Supervisor


def supervise(stack: Stack, stop: SimpleQueue[None]) -> None:
    """Start parts that end again, until `stop` has something. Exit code 4 if a part ends several times in a row."""
    try:
        Supervisor(stack, say).run(stop)
    except PartEnded as error:
        say(str(error))
        for line in error.lines:
            say(f"  {line}")
        raise typer.Exit(AWAY) from None


def for_operators(stack: Stack) -> str:
    """Return the address of the console: with its token on a terminal only, since others may read a file or a log."""
    url = stack.file.console_url
    if sys.stdout.isatty():
        return url
    return f"{url.partition('?')[0]} (consoleUrl in {stack.folder / 'stack.json'} has its token; only you can read it)"


def for_publishers(stack: Stack) -> str:
    """Return the address of the gateway without its token."""
    scheme, _, rest = stack.file.gateway_url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def for_programs_elsewhere(stack: Stack) -> Iterator[str]:
    """Yield the lines that tell how a program in another folder finds the stack.

    The password and the key are shown on a terminal only: a file or a log that gets this output may be read by others.
    """
    file = stack.folder / environment.NAME
    yield "Programs in other folders find it by these variables; publishers need the first alone:"
    if sys.stdout.isatty():
        for line in environment.exports(stack.file):
            yield f"  {line}"
        yield "The same, without showing the password and the key:"
    else:
        for line in environment.masked(stack.file):
            yield f"  {line}"
        yield "To set them in a shell, with the password and the key (only you can read the file):"
    yield f"  . {quoted_word(file)}"
