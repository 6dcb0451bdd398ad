"""What became of the rows of a request, and the answer to it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import orjson
from starlette.responses import Response

from prelabel.errors import MessageError
from prelabel.gateway.problems import Problem

Durable = Literal["redis", "disk"]
"""Where a row is safe: in Redis, or on the gateway's disk, from which it is sent to Redis."""
JSON = "application/json"
RETRY_SECONDS = 5


class Results:
    """The results of the rows of one request, in their order."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        #: The number of rows with each status.
        self.counts: Counter[str] = Counter()
        #: The number of refused rows with each reason.
        self.reasons: Counter[str] = Counter()
        #: The result of each accepted row, and the projects of its messages.
        self._accepted: list[tuple[dict[str, Any], tuple[str, ...]]] = []

    @property
    def projects(self) -> set[str]:
        """Return the projects of all accepted rows."""
        return {name for _, names in self._accepted for name in names}

    def accepted(self, row: int, message_ids: list[str], projects: tuple[str, ...]) -> None:
        """Record that the publisher holds the messages of a row."""
        result = {"row": row, "status": "accepted", "durable": "redis", "messageIds": message_ids}
        self.rows.append(result)
        self._accepted.append((result, projects))

    def refused(self, row: int, error: MessageError) -> None:
        """Record that a row cannot be published, and why."""
        details = error.details()
        details.pop("misnamed", None)
        self.rows.append({"row": row, "status": "refused", "reason": error.reason.value, **details})
        self.counts["refused"] += 1
        self.reasons[error.reason.value] += 1

    def left_out(self, row: int) -> None:
        """Record that the mapping leaves a row out."""
        self.rows.append({"row": row, "status": "left-out"})
        self.counts["left-out"] += 1

    def not_taken(self, row: int) -> None:
        """Record that there was no room for a row."""
        self.rows.append({"row": row, "status": "retry"})
        self.counts["retry"] += 1

    def settle(self, places: Mapping[str, Durable | None]) -> None:
        """Say of each accepted row where it is safe, by project; None stands for rows that are in memory only."""
        for result, projects in self._accepted:
            durable = _weakest(places[name] for name in projects)
            if durable is None:
                result["status"] = "retry"
                del result["durable"]
            else:
                result["durable"] = durable
            self.counts[result["status"]] += 1


def _weakest(places: Iterable[Durable | None]) -> Durable | None:
    found = set(places)
    return None if None in found else "disk" if "disk" in found else "redis"


def answer(results: Results, problem: Problem | None, busy: bool) -> Response:
    """Return the answer to a request: its status says whether to send it again, its body what became of each row.

    `busy`: rows without room have to wait for Redis to accept earlier ones, while it works.
    """
    counts = results.counts
    body: dict[str, Any] = {
        "accepted": counts["accepted"],
        "refused": counts["refused"],
        "leftOut": counts["left-out"],
        "retry": counts["retry"],
    }
    status, wait = 200, None
    if problem is not None:
        status, wait, body["error"] = problem.status, problem.retry_after, str(problem)
    elif counts["retry"]:
        status, wait = (429 if busy else 503), RETRY_SECONDS
        body["error"] = (
            "rows with the status retry are not safe yet: send them again in their order, after the time in Retry-After"
        )
    elif counts["refused"] and not counts["accepted"] and not counts["left-out"]:
        status, body["error"] = 422, "no row can be published; `results` says why"
    body["results"] = results.rows
    return Response(orjson.dumps(body), status, _retry_after(wait), JSON)


def problem_answer(problem: Problem) -> Response:
    """Return the answer to a request of which no row was read."""
    return Response(orjson.dumps({"error": str(problem)}), problem.status, _retry_after(problem.retry_after), JSON)


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": str(int(seconds) + (seconds % 1 > 0))}
