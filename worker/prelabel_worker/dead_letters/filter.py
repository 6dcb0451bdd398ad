"""The filter that selects dead letters. No I/O."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel.unix_time import UnixTime
from prelabel.wire.keys import ProjectKeys
from prelabel_worker.dead_letters.letter import DeadLetter


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Selects the dead letters that match every field that is set."""

    #: Ids of dead letters.
    ids: tuple[str, ...] = ()
    #: The reason code.
    reason: str | None = None
    #: The fingerprint of a group.
    group: str | None = None
    #: The model's name.
    model: str | None = None
    #: `k:` and a global key, `i:` and an id, or either of them alone.
    data_row: str | None = None
    #: The message's id.
    message_id: str | None = None
    #: Unix time in ms of the earliest death, included.
    since_ms: int | None = None
    #: Unix time in ms of the latest death, included.
    until_ms: int | None = None
    #: Texts that the message or the details contain, in any case.
    words: tuple[str, ...] = ()

    def accepts(self, dead_letter: DeadLetter) -> bool:
        """Return whether a dead letter matches all fields except `ids`, which the caller has applied."""
        died = dead_letter.last_at.ms
        return (
            self.reason in (None, dead_letter.reason)
            and self.group in (None, dead_letter.group)
            and self.model in (None, dead_letter.model)
            and self.message_id in (None, dead_letter.message_id)
            and (self.data_row is None or dead_letter.data_row in self.data_row_keys)
            and (self.since_ms is None or died >= self.since_ms)
            and (self.until_ms is None or died <= self.until_ms)
            and (not self.words or self._has_words(dead_letter))
        )

    def _has_words(self, dead_letter: DeadLetter) -> bool:
        """Return whether all texts occur. A message that spells characters as `\\u00e9` is also searched as JSON."""
        texts = [dead_letter.message.decode("utf-8", "replace"), orjson.dumps(dead_letter.details).decode()]
        if b"\\" in dead_letter.message:
            with suppress(orjson.JSONDecodeError, orjson.JSONEncodeError):  # the latter if it is nested too deeply
                texts.append(orjson.dumps(orjson.loads(dead_letter.message)).decode())
        searched = "\n".join(texts).casefold()
        return all(word.casefold() in searched for word in self.words)

    @property
    def reads_messages(self) -> bool:
        """Whether no index can answer the filter, so that dead letters must be read."""
        return self.model is not None or self.data_row is not None or bool(self.words)

    @property
    def data_row_keys(self) -> tuple[str, ...]:
        """The forms in which the data row may be stored, since the filter may leave out `k:` or `i:`."""
        return (self.data_row, f"k:{self.data_row}", f"i:{self.data_row}") if self.data_row else ()

    def index(self, project_keys: ProjectKeys) -> str:
        """Return the key of the smallest index by time of death that has all matches."""
        if self.group:
            return project_keys.dead_group(self.group)
        return project_keys.dead_reason(self.reason) if self.reason else project_keys.dead

    @property
    def range(self) -> tuple[str | int, str | int]:
        """The bounds of the time in a sorted set, latest first."""
        return (
            "+inf" if self.until_ms is None else self.until_ms,
            "-inf" if self.since_ms is None else self.since_ms,
        )

    def as_details(self) -> dict[str, Any]:
        """Return the filter for the action log, with at most 20 ids."""
        names = ("reason", "group", "model", "data_row", "message_id")
        fields = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        times = {"since": UnixTime.known(self.since_ms), "until": UnixTime.known(self.until_ms)}
        fields |= {name: time.iso() for name, time in times.items() if time is not None}
        if self.words:
            fields["words"] = len(self.words)
        return fields | ({"ids": list(self.ids[:20]), "idCount": len(self.ids)} if self.ids else {})
