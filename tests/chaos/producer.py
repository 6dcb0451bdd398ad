"""A producer: publishes its batches at a pace, with a spool, and keeps its journal. It may be killed at any instant.

Where Redis is comes in the environment (PRELABEL_REDIS_URL), since its password is for nobody's list of processes.
"""

import argparse
import logging
import os
import time
from pathlib import Path

from prelabel import Publisher
from prelabel.errors import BufferFull, RedisUnavailable
from tests.chaos.journal import Journal
from tests.chaos.workload import BATCH, Message, Workload

_log = logging.getLogger(__name__)
_FLUSH_SECONDS = 0.5


def main() -> None:
    """Publish what this producer has not begun yet, then wait until Redis has everything."""
    logging.basicConfig(level=logging.INFO)
    parser = argparse.ArgumentParser()
    for name in ("number", "seed", "rows", "producers"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--since", type=float, required=True, help="when the run began, in seconds since the epoch")
    parser.add_argument("--rate", type=float, required=True, help="rows a second of this producer")
    given = parser.parse_args()
    workload = Workload(given.seed, given.rows, given.producers)
    journal = Journal(given.folder / f"producer{given.number}.journal")
    first = journal.open()
    spool = given.folder / f"spool{given.number}"
    with Publisher(os.environ["PRELABEL_REDIS_URL"], spool_dir=spool) as publisher:
        for batch in range(first, workload.batches):
            _wait_until(given.since + batch * BATCH / given.rate)
            journal.begin(batch)
            for message in workload.batch(given.number, batch):
                _publish(publisher, message)
            if _flushed(publisher, _FLUSH_SECONDS):
                journal.confirm(batch)
        while not _flushed(publisher, None):
            pass
        journal.confirm(workload.batches - 1)


def _wait_until(moment: float) -> None:
    """Wait for the time of the next batch; a producer that is late does not wait."""
    left = moment - time.time()
    if left > 0:
        time.sleep(left)


def _publish(publisher: Publisher, message: Message) -> None:
    while True:
        try:
            publisher.publish(message.as_json())
        except BufferFull as error:
            _log.warning("%r", error)  # it has waited already
            continue
        return


def _flushed(publisher: Publisher, seconds: float | None) -> bool:
    """Return whether Redis has all rows; the others are in the spool or in memory, and sending continues."""
    try:
        publisher.flush(seconds)
    except RedisUnavailable as error:
        _log.warning("%r", error)  # what errors say is searched for secrets, too
        return False
    return True


if __name__ == "__main__":
    main()
