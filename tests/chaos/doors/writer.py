"""The fleet that writes to a broker, or to the folder."""

import threading

from tests.chaos.doors.records import Records, bridged
from tests.chaos.doors.sources import ERRORS, Source

_AGAIN_SECONDS = 0.5


class Writer(threading.Thread):
    """Writes the records of a source at a pace until `stop` is set; a broker that is away gets them later."""

    def __init__(self, source: Source, records: Records, rate: float, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.records = records
        #: Records that the source has.
        self.written = 0
        #: Attempts that did not reach it.
        self.failed = 0
        self._source = source
        self._pause = 1 / rate
        self._ending = stop

    def run(self) -> None:
        while not self._ending.wait(self._pause):
            raw = bridged(self.records.record(self.written))
            partition = self.records.partition(self.written)
            while not self._is_written(raw, partition):
                self.failed += 1
                threading.Event().wait(_AGAIN_SECONDS)
            self.written += 1
        self._source.close()

    def _is_written(self, raw: bytes, partition: int) -> bool:
        try:
            self._source.write(self.written, raw, partition)
        except ERRORS:
            return False
        return True
