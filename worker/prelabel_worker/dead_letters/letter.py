"""Dead letters as operators meet them: one dead letter, and a group of them. Pure."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from prelabel.printing import command
from prelabel_worker.chunks.held_rows import split_body
from prelabel_worker.chunks.held_state import HeldState

_ABOUT_THE_ROW = ("messageId", "dataRow", "model", "stage", "chunk", "import")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row that no one will try again unless asked. Times are Unix seconds; `weight` is its rows in our sums."""

    id: str
    project_id: str
    message_id: str | None
    data_row: str
    model: str
    reason: str
    group: str
    details: dict[str, Any]
    stage: str
    chunk_id: str
    import_name: str
    attempts: int
    first_at: float
    last_at: float
    superseded: bool
    weight: int
    lane: int
    header: bytes
    message: bytes

    @property
    def retried(self) -> int:
        """How often it was tried again."""
        return self.attempts - 1

    @property
    def whole_frame(self) -> bool:
        """Whether it is a frame that could not be read, not a message."""
        return self.id.startswith("f")

    @property
    def body_digest(self) -> str:
        """SHA-1 of the stored body: whether somebody else has changed it meanwhile (edit.lua)."""
        return hashlib.sha1(self.header + b"\n" + self.message, usedforsecurity=False).hexdigest()

    def example(self) -> dict[str, Any]:
        """What is wrong, in a few words: ours, or the first of Labelbox's errors."""
        said = {name: self.details[name] for name in ("path", "found", "expected", "hint") if self.details.get(name)}
        for error in (self.details.get("errors") or [])[:1]:
            said |= {"errorName": error.get("name"), "errorMessage": error.get("message")}
        return said

    def as_json(self) -> dict[str, Any]:
        """The dead letter for `--json`, with the message as text; `messageBase64` when it is not UTF-8."""
        try:
            message, encoded = self.message.decode(), None
        except UnicodeDecodeError:
            message, encoded = self.message.decode("utf-8", "replace"), b64encode(self.message).decode()
        return {
            "id": self.id,
            "projectId": self.project_id,
            "messageId": self.message_id,
            "dataRow": self.data_row,
            "model": self.model,
            "reason": self.reason,
            "group": self.group,
            "details": self.details,
            "stage": self.stage,
            "chunk": self.chunk_id,
            "import": self.import_name,
            "attempts": self.attempts,
            "retried": self.retried,
            "firstAt": self.first_at,
            "lastAt": self.last_at,
            "superseded": self.superseded,
            "rows": self.weight,
            "message": message,
            "messageBase64": encoded,
        }


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    """The dead letters of one fingerprint: how many rows, since when, and one of them without its message."""

    project_id: str
    group: str
    rows: int
    first_at: float
    last_at: float
    sample: DeadLetter

    def as_json(self) -> dict[str, Any]:
        """For `dead groups --json`."""
        return {
            "projectId": self.project_id,
            "group": self.group,
            "reason": self.sample.reason,
            "rows": self.rows,
            "example": self.sample.example(),
            "sample": self.sample.id,
            "firstAt": self.first_at,
            "lastAt": self.last_at,
            "retry": self.retry_command,
        }

    @property
    def retry_command(self) -> str:
        """What sends the whole group back."""
        return command("dead retry", project=self.project_id, group=self.group)


def read_dead_letter(project_id: str, dead_letter_id: str, state: HeldState, body: bytes) -> DeadLetter:
    """Return a dead letter from what is stored of it."""
    details, payload = split_body(body)
    known = {name: details.pop(name, None) for name in _ABOUT_THE_ROW}
    return DeadLetter(
        id=dead_letter_id,
        project_id=project_id,
        message_id=known["messageId"],
        data_row=known["dataRow"] or "",
        model=known["model"] or "",
        reason=state.reason,
        group=state.group,
        details=details,
        stage=known["stage"] or "",
        chunk_id=known["chunk"] or "",
        import_name=known["import"] or "",
        attempts=state.attempts,
        first_at=state.first / 1000,
        last_at=state.last / 1000,
        superseded=state.superseded,
        weight=state.weight,
        lane=state.lane,
        header=body.partition(b"\n")[0],
        message=payload,
    )
