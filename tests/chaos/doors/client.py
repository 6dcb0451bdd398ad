"""A fleet's client of a gateway, which does what the documentation says, and sometimes sends what it may not.

Each row is sent until the gateway has accepted it or has said what is wrong with it, before the next rows are sent.
"""

import gzip
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import orjson

from tests.chaos.doors.records import AT_GATEWAYS, Flaw, Record, Records, posted

_BATCH = 8
_LONG_SECONDS = 20.0
_AGAIN_SECONDS = 0.3
_LARGE = b" " * 2_100_000
MAX_BODY_BYTES = 2_000_000
_PREDICTIONS, _EVENTS = "/v1/predictions", "/v1/events"
_NDJSON = {"content-type": "application/x-ndjson"}
_GZIP = {**_NDJSON, "content-encoding": "gzip"}
_SPOILT_SHARE = 0.15
"""The share of batches that are preceded by the same rows in a request that no gateway may take."""


@dataclass
class Told:
    """What the answers said."""

    #: Rows that were accepted.
    accepted: int = 0
    #: Rows that were refused, by what was wrong with them.
    refused: Counter[str] = field(default_factory=Counter)
    #: Requests that were refused as a whole, by status.
    requests: Counter[int] = field(default_factory=Counter)
    #: Answers that said to come again, by status; 0: there was no answer.
    again: Counter[int] = field(default_factory=Counter)
    #: Good rows sent, each time that they were.
    sent: int = 0
    #: Answers that no gateway should give.
    wrong: list[str] = field(default_factory=list)


class Client(threading.Thread):
    """Posts the rows of a writer at a pace until `stop` is set, and then the rest of its batch."""

    def __init__(self, url: str, token: str, records: Records, seed: str, rate: float, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.records = records
        self.told = Told()
        #: Records that have their result.
        self.written = 0
        self._http = httpx.Client(base_url=url, timeout=_LONG_SECONDS, trust_env=False)
        self._token = token
        self._rng = random.Random(seed)
        self._pause = _BATCH / rate
        self._ending = stop

    def run(self) -> None:
        while not self._ending.wait(self._pause):
            batch = [self.records.record(self.written + n) for n in range(_BATCH)]
            if self._rng.random() < _SPOILT_SHARE and not any(each.flaw is Flaw.OVERSIZE for each in batch):
                self._post_spoilt(batch)
            self._post(batch)
            self.written += len(batch)
        self._http.close()

    def _post(self, batch: list[Record]) -> None:
        """Send rows until each has its result."""
        send: Callable[[list[Record]], httpx.Response] = self._rng.choice(
            [self._lines, self._packed, self._array, self._events]
        )
        left = batch
        while left:
            if send == self._array and any(_cannot_be_in_an_array(record) for record in left):
                send = self._lines
            if send == self._events and any(record.flaw for record in left):
                send = self._packed
            answer = self._until_answered(partial(send, left))
            left = self._read(answer, left)

    def _read(self, answer: httpx.Response, sent: list[Record]) -> list[Record]:
        """Take note of the results, and return the rows to send again."""
        body = answer.json()
        again = [sent[result["row"] - 1] for result in body["results"] if result["status"] == "retry"]
        if answer.status_code not in (200, 422, 429, 503) or len(body["results"]) != len(sent):
            self._wrong(f"{answer.status_code} for right rows: {answer.text[:300]}")
        for result in body["results"]:
            record = sent[result["row"] - 1]
            expected = AT_GATEWAYS.get(record.flaw) if record.flaw else None
            if result["status"] == "accepted" and expected is None:
                self.told.accepted += 1
                if result["messageIds"] != [record.message.id]:
                    self._wrong(f"{record.message.id} was accepted as {result['messageIds']}")
            elif result["status"] == "refused" and result["reason"] == expected:
                self.told.refused[str(record.flaw)] += 1
            elif result["status"] != "retry":
                self._wrong(f"{record.flaw or 'a good row'}: {result}")
        if again:
            self.told.again[answer.status_code] += 1
            self._wait(answer)
        return again

    def _post_spoilt(self, batch: list[Record]) -> None:
        """Send a request that must be refused as a whole, until it is."""
        lines = _joined(batch)
        header, body, status = self._rng.choice([
            ({**_GZIP, **self._authorization}, lines, 400),
            ({**_GZIP, **self._authorization}, gzip.compress(lines)[:-9], 400),
            ({**_NDJSON, "authorization": "Bearer somebody-else-s-token"}, lines, 401),
            ({"content-type": "text/csv", **self._authorization}, lines, 415),
            ({**_NDJSON, **self._authorization}, lines + _LARGE, 413),
        ])  # fmt: skip
        while True:
            self.told.sent += len(batch)  # those before the place where a body breaks are taken
            answer = self._until_answered(lambda: self._http.post(_PREDICTIONS, content=body, headers=header))
            if answer.status_code == status:
                self.told.requests[status] += 1
                return
            if answer.status_code not in (429, 503):
                self._wrong(f"{answer.status_code} in place of {status}: {answer.text[:300]}")
                return
            self._wait(answer)

    def _until_answered(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Return the answer, which has results or refuses the request; without one, the same is sent again."""
        while True:
            try:
                answer = send()
            except httpx.TransportError:
                self.told.again[0] += 1
                time.sleep(_AGAIN_SECONDS)
                continue
            if answer.status_code in (429, 503) and "results" not in answer.json():
                self.told.again[answer.status_code] += 1
                self._wait(answer)
                continue
            return answer

    def _wait(self, answer: httpx.Response) -> None:
        if answer.headers.get("retry-after", "").isdecimal():
            time.sleep(int(answer.headers["retry-after"]))
        else:
            self._wrong(f"{answer.status_code} without Retry-After")

    def _wrong(self, what: str) -> None:
        self.told.wrong.append(what)

    def _lines(self, batch: list[Record]) -> httpx.Response:
        if any(record.flaw is Flaw.OVERSIZE for record in batch):
            return self._packed(batch)
        return self._send(_joined(batch), _NDJSON, batch)

    def _packed(self, batch: list[Record]) -> httpx.Response:
        return self._send(gzip.compress(_joined(batch), 1), _GZIP, batch)

    def _array(self, batch: list[Record]) -> httpx.Response:
        rows = b"[" + b",".join(posted(record) for record in batch) + b"]"
        return self._send(rows, {"content-type": "application/json"}, batch)

    def _events(self, batch: list[Record]) -> httpx.Response:
        events: list[dict[str, Any]] = [
            {
                "specversion": "1.0", "type": "prediction", "source": "/chaos", "id": record.message.id,
                "data": record.message.as_json(),
            }
            for record in batch
        ]  # fmt: skip
        kind = {"content-type": "application/cloudevents-batch+json"}
        return self._send(orjson.dumps(events), kind, batch, _EVENTS)

    def _send(
        self, body: bytes, headers: dict[str, str], batch: list[Record], path: str = _PREDICTIONS
    ) -> httpx.Response:
        self.told.sent += len(batch)
        return self._http.post(path, content=body, headers={**headers, **self._authorization})

    @property
    def _authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"}


def _joined(batch: list[Record]) -> bytes:
    return b"".join(posted(record) + b"\n" for record in batch)


def _cannot_be_in_an_array(record: Record) -> bool:
    """Return whether the array would break with the row."""
    return record.flaw in (Flaw.BROKEN, Flaw.NOT_TEXT, Flaw.OVERSIZE)
