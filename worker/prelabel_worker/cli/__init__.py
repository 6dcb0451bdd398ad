"""The operators' command `prelabel`. It needs an extra; without it, it says so in one line."""

import sys

from prelabel.lazy import without_collections

NEEDS_EXTRA = (
    "the command needs an extra: pip install 'prelabel[worker]', or 'prelabel[command]' to publish files only, "
    "'prelabel[gateway]' to publish over HTTP"
)
EXTRAS = {
    "gateway": "gateway",
    "kafka": "kafka",
    "nats": "nats",
    "publish": "command",
    "sqs": "sqs",
    "validate": "command",
}
"""The smallest extra with all that a command needs, where that is not the worker's."""


def needs_extra(extra: str) -> str:
    """Return the sentence for a command that needs an extra."""
    return f"the command needs the {extra} extra: pip install 'prelabel[{extra}]'"


def main() -> None:
    """Run `prelabel`."""
    try:
        with without_collections():
            from prelabel_worker.cli.main import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("prelabel"):
            raise
        print(f"prelabel: {NEEDS_EXTRA}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    run()
