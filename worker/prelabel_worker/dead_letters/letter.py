"""Dead letters as operators see them: one dead letter, and a group of them. No I/O."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from typing import Any, ClassVar

from prelabel.errors import Reason
from prelabel.json_record import JsonRecord
from prelabel.printing import command
from prelabel.unix_time import UnixTime
from prelabel_worker.chunks.held_rows import split_body
from prelabel_worker.chunks.held_state import HeldState

_ABOUT_THE_ROW = ("messageId", "dataRow", "model", "stage", "chunk", "import")
_RENAMED = ("feature", "option", "classification")


@dataclass(frozen=True, slots=True)
class DeadLetter(JsonRecord):
    """A row that is tried again only if an operator asks for it."""

    json_fields = (
        "id", "project_id", "message_id", "data_row", "model", "reason", "group", "details", "stage", "chunk_id",
        "import_name", "attempts", "retried", "first_at", "last_at", "superseded", "weight", "message",
        "message_base64", "retry", "adding_command",
    )  # fmt: skip
    json_names: ClassVar = {
        "chunk_id": "chunk", "import_name": "import", "weight": "rows", "adding_command": "addDataRows"
    }  # fmt: skip

    #: The arrival number of its row; `f…` for a frame that could not be read.
    id: str
    #: The project's id.
    project_id: str
    #: The message's id; None when it cannot be read.
    message_id: str | None
    #: `k:` and a global key, or `i:` and an id; empty when it cannot be read.
    data_row: str
    #: The model's name; empty when the message names none.
    model: str
    #: The reason code.
    reason: str
    #: The fingerprint of its group.
    group: str
    #: The problem, as this program or Labelbox described it.
    details: dict[str, Any]
    #: The stage that held it.
    stage: str
    #: The chunk that it was in; empty if it was in none.
    chunk_id: str
    #: The import that it was in; empty if it was in none.
    import_name: str
    #: How many times it was tried.
    attempts: int
    #: When it was held for the first time.
    first_at: UnixTime
    #: When it was held for the last time.
    last_at: UnixTime
    #: Whether a newer message of its data row and model was imported.
    superseded: bool
    #: How many rows it counts as: more than one only for a frame that could not be read.
    weight: int
    #: The lane that it goes back to.
    lane: int
    #: The first line of the stored body, before the message.
    header: bytes
    #: The message as it was published.
    message: bytes

    @property
    def retried(self) -> int:
        """How many times it was tried again."""
        return self.attempts - 1

    @property
    def whole_frame(self) -> bool:
        """Whether it is a frame that could not be read, not a message."""
        return self.id.startswith("f")

    @property
    def body_digest(self) -> str:
        """SHA-1 of the stored body, by which edit.lua detects that somebody else has changed it."""
        return hashlib.sha1(self.header + b"\n" + self.message, usedforsecurity=False).hexdigest()

    def example(self) -> dict[str, Any]:
        """Return the problem in short: what this program found, and the first of Labelbox's errors."""
        names = ("path", "found", "expected", "hint", "misnamed")
        problem = {name: self.details[name] for name in names if self.details.get(name)}
        for error in (self.details.get("errors") or [])[:1]:
            problem |= {"errorName": error.get("name"), "errorMessage": error.get("message")}
        return problem

    @property
    def adding_command(self) -> str | None:
        """The command that puts missing data rows into the project and retries their rows, if that is the problem."""
        if self.reason != Reason.DATA_ROW_NOT_FOUND:
            return None
        return command("batch create", project=self.project_id, from_dead_letters=True, retry=True)

    @property
    def misnamed(self) -> tuple[str, str, str] | None:
        """What is misnamed: its kind, its name and the nearest name; None if no name is known to be similar."""
        misnamed = self.details.get("misnamed")
        if not isinstance(misnamed, dict) or misnamed.get("kind") not in _RENAMED:
            return None
        old, new = misnamed.get("name"), misnamed.get("nearest")
        if not (isinstance(old, str) and isinstance(new, str) and old and new) or old == new:
            return None
        return misnamed["kind"], old, new

    @property
    def renaming(self) -> dict[str, str]:
        """The option of `dead retry` that renames what is misnamed to the nearest name; empty if nothing is known.

        A name with `=` cannot be given as OLD=NEW.
        """
        if self.misnamed is None:
            return {}
        kind, old, new = self.misnamed
        return {} if "=" in old else {f"rename_{kind}": f"{old}={new}"}

    def retry_command(self, *ids: str, **chosen: str) -> str:
        """Return the command that retries the chosen dead letters, with the names that fix this one's problem."""
        return command("dead retry", *ids, project=self.project_id, **chosen, **self.renaming)

    @property
    def retry(self) -> str:
        """The command that retries it alone, with the names that fix its problem."""
        return self.retry_command(self.id)

    @property
    def message_base64(self) -> str | None:
        """The message in base64 when it is not UTF-8, since JSON cannot hold it as it is; else None."""
        try:
            self.message.decode()
        except UnicodeDecodeError:
            return b64encode(self.message).decode()
        return None


@dataclass(frozen=True, slots=True)
class DeadLetterGroup(JsonRecord):
    """The dead letters with the same fingerprint."""

    json_fields = (
        "project_id", "group", "reason", "rows", "example", "sample_id", "first_at", "last_at", "retry_command",
        "adding_command",
    )  # fmt: skip
    json_names: ClassVar = {"sample_id": "sample", "retry_command": "retry", "adding_command": "addDataRows"}

    #: The project's id.
    project_id: str
    #: The fingerprint that its dead letters share.
    group: str
    #: How many rows it has.
    rows: int
    #: When its first dead letter died.
    first_at: UnixTime
    #: When its last dead letter died.
    last_at: UnixTime
    #: One of its dead letters, without its message.
    sample: DeadLetter

    @property
    def reason(self) -> str:
        """The reason code of its dead letters."""
        return self.sample.reason

    @property
    def example(self) -> dict[str, Any]:
        """The problem of its sample, in short."""
        return self.sample.example()

    @property
    def sample_id(self) -> str:
        """The id of its sample."""
        return self.sample.id

    @property
    def adding_command(self) -> str | None:
        """The command that puts the missing data rows of the project into it, if that is the problem."""
        return self.sample.adding_command

    @property
    def retry_command(self) -> str:
        """The command that sends the whole group back, with new names if the names are the cause."""
        return self.sample.retry_command(group=self.group)


def read_dead_letter(project_id: str, dead_letter_id: str, state: HeldState, body: bytes) -> DeadLetter:
    """Return a dead letter, given its stored state and body."""
    details, payload = split_body(body)
    row = {name: details.pop(name, None) for name in _ABOUT_THE_ROW}
    return DeadLetter(
        id=dead_letter_id,
        project_id=project_id,
        message_id=row["messageId"],
        data_row=row["dataRow"] or "",
        model=row["model"] or "",
        reason=state.reason,
        group=state.group,
        details=details,
        stage=row["stage"] or "",
        chunk_id=row["chunk"] or "",
        import_name=row["import"] or "",
        attempts=state.attempts,
        first_at=UnixTime.of_ms(state.first),
        last_at=UnixTime.of_ms(state.last),
        superseded=state.superseded,
        weight=state.weight,
        lane=state.lane,
        header=body.partition(b"\n")[0],
        message=payload,
    )
