"""The operators' command `prelabel`. It needs an extra; without it, it says so in one line."""

import sys

EXTRAS = {"gateway": "gateway"}
"""The smallest extra with all that a command needs, where that is not the worker's."""


def needs_extra(extra: str) -> str:
    """Return the sentence for a command that needs an extra."""
    return f"the command needs the {extra} extra: pip install 'prelabel[{extra}]'"


def main() -> None:
    """Run `prelabel`."""
    try:
        from prelabel_worker.cli.main import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("prelabel"):
            raise
        extra = EXTRAS.get(next(iter(sys.argv[1:]), ""), "worker")
        print(f"prelabel: {needs_extra(extra)}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    run()
