"""Run the trial: `python -m deploy.engine`, which is `make deploy-test`. Needs root, and Docker's programs."""

import sys

from deploy.engine import trial
from deploy.engine.daemon import missing
from deploy.engine.failure import Failure


def main() -> int:
    """Run it, or say why it cannot be run here; return the exit code."""
    why = missing()
    if why:
        _say(f"skipped, since no container engine can be started here: {why}")
        return 0
    try:
        trial.run(_say)
    except Failure as failure:
        _say(str(failure))
        return 1
    _say("every step passed, and nothing of the engine is left")
    return 0


def _say(text: str) -> None:
    print(f"deploy-test: {text}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
