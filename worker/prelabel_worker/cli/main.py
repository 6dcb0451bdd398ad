"""The root of the command line: its own options, and how errors of any command are reported."""

import os
import sys
from typing import Annotated

import typer

import prelabel
from prelabel_worker.cli.commands import COMMANDS
from prelabel_worker.cli.lazy_group import group_of
from prelabel_worker.cli.shared.terminal import print_line

app = typer.Typer(
    name="prelabel",
    cls=group_of(COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print_line(f"prelabel {prelabel.__version__}")
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Stream model predictions into Labelbox pre-labels."""


def _open_missing_streams() -> None:
    """Open `/dev/null` for a standard stream that was closed, as a supervisor may do.

    Without it, Python has no such stream, and the next file or socket that is opened gets its number: what is printed
    would go there.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number, which is this one
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - it stays open


def run() -> None:
    """Run the command. Report a user's mistake or an unreachable service in one line, never as a traceback."""
    _open_missing_streams()
    try:
        app(prog_name="prelabel")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from prelabel_worker.cli.failures import report  # loads redis, which `--help` does not need

        sys.exit(report(error))
