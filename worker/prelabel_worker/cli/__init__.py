"""The operators' command `prelabel`. It needs the worker extra; without it, it says so in one line."""

import sys

NEEDS_EXTRA = "the command needs the worker extra: pip install 'prelabel[worker]'"


def main() -> None:
    """Run `prelabel`."""
    try:
        from prelabel_worker.cli.main import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("prelabel"):
            raise
        print(f"prelabel: {NEEDS_EXTRA}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    run()
