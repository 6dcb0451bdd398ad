"""Write a message: text for people in a chat, and the same as fields for programs. No I/O."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from prelabel.printing import counted
from prelabel.unix_time import UnixTime
from prelabel_worker.notify.fact import Kind
from prelabel_worker.notify.watch import Change, Outgoing

MAX_SHOWN = 10
"""Maximum changes that a message names; it says how many more there are."""
_PATHS: Mapping[str, str] = {
    Kind.NO_WORKER: "workers",
    Kind.WORKER_LOST: "workers",
    Kind.ACCOUNT_STOPPED: "accounts",
    Kind.LABELBOX_AWAY: "accounts",
    Kind.PROJECT_PAUSED: "projects/{subject}",
    Kind.PROJECT_QUARANTINED: "projects",
    Kind.ROWS_LATE: "projects/{subject}",
    Kind.ERROR_GROUP: "groups/{subject}",
    Kind.MORE: "",
}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: what a message says about the installation that it comes from."""

    #: The address of its console, without a slash at the end; empty if there is none.
    console_url: str = ""
    #: Its name, such as `production`; may be empty.
    environment: str = ""

    def body(self, outgoing: Outgoing) -> bytes:
        """Return the body of the request that tells these changes."""
        shown = outgoing.changes[:MAX_SHOWN]
        more = len(outgoing.changes) - len(shown) + outgoing.uncounted
        document = {
            "text": self._text(shown, more),
            "prelabel": {
                "version": 1,
                "id": _identity(outgoing.changes),
                "environment": self.environment,
                "changes": [self._fields(change) for change in shown],
                "more": more,
            },
        }
        return orjson.dumps(document)

    def test_body(self, host: str) -> bytes:
        """Return the body of a message that only shows that messages arrive."""
        text = f"{self._head()}a test from {host}: notifications arrive here"
        fields = {"version": 1, "id": "test", "environment": self.environment, "changes": [], "more": 0}
        return orjson.dumps({"text": text, "prelabel": fields})

    def _text(self, shown: tuple[Change, ...], more: int) -> str:
        lines = [self._line(change) for change in shown]
        if more:
            lines.append(f"and {more:,} more")
        if len(lines) == 1:
            return self._head() + lines[0]
        return "\n".join([f"{self._head()}{counted(len(shown) + more, 'change')}", *(f"• {line}" for line in lines)])

    def _head(self) -> str:
        return f"prelabel {self.environment}: " if self.environment else "prelabel: "

    def _line(self, change: Change) -> str:
        link = self._link(change)
        return f"{'' if change.began else 'back to normal: '}{change.text}{f' – {link}' if link else ''}"

    def _fields(self, change: Change) -> dict[str, Any]:
        link = self._link(change)
        return {
            **change.fields,
            "change": "began" if change.began else "ended",
            "kind": change.kind,
            "subject": change.subject,
            "at": UnixTime(change.at).iso(),
            "text": change.text,
            **({"link": link} if link else {}),
        }

    def _link(self, change: Change) -> str:
        if not self.console_url:
            return ""
        path = _PATHS.get(change.kind, "").format(subject=quote(change.subject, safe=""))
        return f"{self.console_url}/{path}"


def _identity(changes: tuple[Change, ...]) -> str:
    """Return what is equal for the same changes, so that a receiver can leave out a message that comes twice."""
    told = "\0".join(f"{change.at} {change.began} {change.kind} {change.subject}" for change in changes)
    return hashlib.blake2b(told.encode(errors="replace"), digest_size=8).hexdigest()
