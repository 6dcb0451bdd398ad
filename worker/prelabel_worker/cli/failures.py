"""Report the error that ended a command, and choose the exit code."""

import redis

from prelabel.errors import PrelabelError
from prelabel.printing import command
from prelabel.private_files import UnsafeFile
from prelabel.wire.client import words_of
from prelabel_worker.cli import needs_extra
from prelabel_worker.cli.shared.terminal import AWAY, USAGE, ServiceAway, print_traceback, say

DEFECT = 1


def report(error: Exception) -> int:
    """Print one line about a mistake or an unreachable service, or the traceback of a defect; return the exit code."""
    if isinstance(error, PrelabelError):
        say(str(error))
        return AWAY if isinstance(error, ServiceAway) else USAGE
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        say(f"Redis no longer answers: {words_of(error)}; is it running? See {command('doctor')}")
        return AWAY
    if isinstance(error, redis.RedisError):
        say(f"Redis refuses the command: {words_of(error)}")
        return AWAY
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("prelabel"):
        say(needs_extra("worker"))
        return USAGE
    if isinstance(error, UnsafeFile):
        say(f"{error.filename} {error.strerror}")
        return USAGE
    print_traceback(error)
    return DEFECT
