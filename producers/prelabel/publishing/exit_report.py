"""Report rows that are lost because the process ends, when no caller gets an error."""

import logging
import sys

from prelabel.printing import counted

_log = logging.getLogger("prelabel.publisher")


def report_loss(rows: int, where: str) -> None:
    """Log how many rows are lost, and say it on standard error, unless the log is written there."""
    text = (
        f"{counted(rows, 'row')} {'is' if rows == 1 else 'are'} lost: the publisher ended while still waiting for "
        f"{where}. Call close() before that, or set spool_dir"
    )
    _log.error("%s", text)
    if not _logs_to_stderr():
        sys.stderr.write(f"prelabel: {text}\n")


def _logs_to_stderr() -> bool:
    """Return whether an error in our log has reached standard error."""
    if not _log.isEnabledFor(logging.ERROR):
        return False
    handlers: list[logging.Handler] = []
    logger: logging.Logger | None = _log
    while logger is not None:
        handlers += logger.handlers
        logger = logger.parent if logger.propagate else None
    if not handlers and logging.lastResort is not None:
        handlers = [logging.lastResort]
    return any(
        getattr(handler, "stream", None) in (sys.stderr, sys.__stderr__) and handler.level <= logging.ERROR
        for handler in handlers
    )
