"""The questions in the order in which they are asked, and Labelbox's answers without keys, names and payloads.

The numbers are those of the open questions in docs/reference/labelbox-api.md#8.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from prelabel.errors import PrelabelError
from prelabel.json_record import JsonRecord
from prelabel.printing import counted
from prelabel_worker.doctor.live.probe import Probe
from prelabel_worker.doctor.live.scratch import Scratch, StillRunning
from prelabel_worker.labelbox.errors import (
    AccountLimit,
    Conflict,
    FileGone,
    Refused,
    RequestError,
    Throttled,
    TooLarge,
    Unauthorized,
)
from prelabel_worker.labelbox.types import Import

MAX_IMPORTS = 8
_REFUSALS = (Conflict, Refused, TooLarge)
_STOPS = (Throttled, Unauthorized, AccountLimit)


@dataclass(frozen=True, slots=True)
class Answer(JsonRecord):
    """A question and its answer."""

    #: The question's short name.
    question: str
    #: The question in words.
    asked: str
    #: What Labelbox answered, or why there is no answer.
    answered: str
    #: Whether there is an answer.
    good: bool = True


class NotTaken(PrelabelError):
    """The first pre-label was refused, so no other question makes sense."""


class Interview:
    """Asks all questions of one scratch project."""

    def __init__(self, scratch: Scratch, probe: Probe) -> None:
        self._scratch = scratch
        self._probe = probe
        self._uuid = str(uuid.uuid4())
        self._first: Import | None = None
        self._words: set[str] = set()
        self._stopped = False

    def questions(self) -> list[tuple[str, str, Callable[[], str]]]:
        """Return the questions: short name, plain words, and the method that asks."""
        return [
            ("same-name", "a second import under a name that exists (1)", self._same_name),
            ("same-uuid-again", "a uuid again in another import, changed (2)", self._same_uuid_again),
            ("same-uuid-in-file", "a uuid twice inside one file (2)", self._same_uuid_in_file),
            ("empty-file", "a file without a line (11)", self._empty_file),
            ("length-too-large", "contentLength 7 above the file's size (9)", self._length_too_large),
            ("length-too-small", "contentLength 1 below the file's size (9)", self._length_too_small),
            ("row-errors", "a feature and a data row that do not exist (6)", self._row_errors),
            ("file-address", "the status file's address in two look-ups (7)", self._file_address),
            ("limit-headers", "headers about rate limits in an ordinary answer (5)", self._limit_headers),
            ("status-words", "the words of status lines (13)", self._status_words),
            ("deletion", "every import deleted, then looked up (3)", self._deletion),
        ]

    def run(self) -> Iterator[Answer]:
        """Import one pre-label and, if it is accepted, ask every question. The scratch deletes the imports."""
        first = self._ask("first-import", "one pre-label", self._first_import)
        yield first
        if not first.good:
            return
        for question, asked, ask in self.questions():
            if self._stopped:
                return
            yield self._ask(question, asked, ask)

    def _ask(self, question: str, asked: str, ask: Callable[[], str]) -> Answer:
        try:
            return Answer(question, asked, ask())
        except _STOPS as error:
            self._stopped = True
            return Answer(question, asked, f"stopped: {error}", False)
        except NotTaken as error:
            return Answer(question, asked, f"not taken: {error}", False)
        except (RequestError, FileGone, StillRunning) as error:
            return Answer(question, asked, f"no answer: {error}", False)

    def _first_import(self) -> str:
        name = self._scratch.name("first")
        self._scratch.make(name, self._probe.line(self._uuid))
        outcome = self._outcome(name)
        self._first = self._scratch.ended(name)
        if self._words != {"SUCCESS"}:
            raise NotTaken(outcome)
        return outcome

    def _same_name(self) -> str:
        name = self._scratch.name("first")
        first = self._first.id if self._first else ""
        try:
            second = self._scratch.make(name, self._probe.line(str(uuid.uuid4()), changed=True))
        except _REFUSALS as error:
            is_first = _id_of(self._scratch.find(name)) == first
            return f"refused ({error}); the look-up {'still finds the first' if is_first else 'finds another'}"
        if second.id == first:
            return "accepted under the same id"
        found_id = _id_of(self._scratch.find(name))
        which = {second.id: "the newer", first: "the older"}.get(found_id, "neither of them")
        return f"accepted as another import; the look-up finds {which}"

    def _same_uuid_again(self) -> str:
        outcome = self._import("again", self._probe.line(self._uuid, changed=True))
        return f"{outcome}; the API does not say whether it replaced the first"

    def _same_uuid_in_file(self) -> str:
        twice = str(uuid.uuid4())
        return self._import("twice", self._probe.line(twice) + self._probe.line(twice, changed=True))

    def _empty_file(self) -> str:
        return self._import("empty", b"")

    def _length_too_large(self) -> str:
        line = self._probe.line(str(uuid.uuid4()))
        return self._import("longer", line, declared=len(line) + 7)

    def _length_too_small(self) -> str:
        line = self._probe.line(str(uuid.uuid4()))
        return self._import("shorter", line, declared=len(line) - 1)

    def _row_errors(self) -> str:
        feature, row, name = str(uuid.uuid4()), str(uuid.uuid4()), self._scratch.name("errors")
        nowhere = self._scratch.name("no-such-thing")
        content = self._probe.line(feature, name=nowhere) + self._probe.line(row, dataRow={"globalKey": nowhere})
        try:
            self._scratch.make(name, content)
        except _REFUSALS as error:
            return f"the file was refused ({error})"
        outcome = self._outcome(name)
        if not outcome.startswith("FINISHED"):
            return outcome
        verdicts = {_plain(line.get("uuid")): _verdict(line) for line in self._status(name)}
        return f"feature: {verdicts.get(feature, 'no line')}; data row: {verdicts.get(row, 'no line')}"

    def _file_address(self) -> str:
        name = self._scratch.name("again")
        one, two = (self._scratch.ended(name).status_url for _ in range(2))
        if one == two:
            return "the same address"
        same_place = one.partition("?")[0] == two.partition("?")[0]
        return "another signature of the same address" if same_place else "another address"

    def _limit_headers(self) -> str:
        self._scratch.pacer.wait()
        names = self._scratch.labelbox.limit_headers(self._scratch.project_id)
        return ", ".join(_plain(name) for name in names) or "none"

    def _status_words(self) -> str:
        return ", ".join(sorted(self._words)) or "none"

    def _deletion(self) -> str:
        remaining = self._scratch.clean()
        look_up = f"still finds {counted(len(remaining), 'name')}" if remaining else "finds none of them"
        return (
            f"{counted(self._scratch.deleted, 'import')} deleted; the look-up {look_up}; the API does not say whether "
            "their pre-labels are gone"
        )

    def _import(self, step: str, content: bytes, *, declared: int | None = None) -> str:
        """Import a file under its own name; return how the import ended."""
        name = self._scratch.name(step)
        try:
            self._scratch.make(name, content, declared=declared)
        except _REFUSALS as error:
            return f"refused ({error})"
        return self._outcome(name)

    def _outcome(self, name: str) -> str:
        ended = self._scratch.ended(name)
        if ended.state == "FAILED":
            first = self._scratch.lines(ended.error_url)[:1]
            names = ", ".join(sorted(_plain(key) for line in first for key in line)) or "none"
            return f"FAILED; keys in the error file: {names}"
        lines = self._scratch.lines(ended.status_url)
        self._words |= {_plain(line.get("status")) for line in lines}
        return f"{_plain(ended.state)}, {counted(len(lines), 'status line')}" + "".join(
            f", {_verdict(line)}" for line in lines
        )

    def _status(self, name: str) -> list[dict[str, Any]]:
        return self._scratch.lines(self._scratch.ended(name).status_url)


def _id_of(job: Import | None) -> str:
    return job.id if job else ""


def _verdict(line: dict[str, Any]) -> str:
    word = _plain(line.get("status"))
    return word if word == "SUCCESS" else f"{word} ({_error_names(line)})"


def _error_names(line: dict[str, Any]) -> str:
    """Return the names of a line's errors, never their texts, which repeat what was sent."""
    errors = line.get("errors")
    named = [error.get("name") for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return ", ".join(_plain(name) for name in named) or "no error is named"


def _plain(word: Any) -> str:
    """Return a word of Labelbox; hide anything that could hold more than a word."""
    return word if isinstance(word, str) and re.fullmatch(r"[\w.-]{1,60}", word) else "not a word"
