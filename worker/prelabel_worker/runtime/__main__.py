"""Run Celery's command `worker` for our app: as `celery -A prelabel_worker worker`, without Celery's other commands.

These need libraries for terminals, which would take 9 MB in every process of a worker.
"""

import sys

from prelabel.lazy import without_collections


def main() -> None:
    """Run the worker of this process's command line."""
    # structlog would load it for tracebacks in colour, which the log does not have: 3.5 MB in every process.
    sys.modules["rich"] = None  # type: ignore[assignment]
    with without_collections():
        from celery.bin.base import CLIContext
        from celery.bin.worker import worker

        from prelabel_worker.runtime.app import app_of_environment

    context = CLIContext(app_of_environment(), no_color=False, workdir=None)
    worker.main(prog_name="worker", obj=context, auto_envvar_prefix="CELERY_WORKER")


if __name__ == "__main__":
    main()
