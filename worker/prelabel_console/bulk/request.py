"""What a bulk action is to do, as a form says it. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from prelabel.errors import PrelabelError
from prelabel_worker.dead_letters.bulk_log import Verb
from prelabel_worker.dead_letters.editing import Edits
from prelabel_worker.dead_letters.query import Query

Kind = Literal["retry", "rename", "discard"]
"""What to do: retry as they are, retry with new names, or discard."""
KINDS: tuple[Kind, ...] = ("retry", "rename", "discard")
_NAMES = ("feature", "option", "classification")


class BadRequest(PrelabelError):
    """The form cannot be carried out; the text says why."""


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """An action on all dead letters that a query selects."""

    #: What selects the dead letters.
    query: Query
    #: What to do with them.
    kind: Kind
    #: The new names; none unless the kind is `rename`.
    edits: Edits
    #: Whether retried rows get new arrival numbers, and so override newer messages.
    as_new: bool = False

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> "BulkRequest":
        """Read the fields of a form or of an address. Raises BadRequest, QueryError and AmbiguousEdit."""
        kind = next((kind for kind in KINDS if kind == fields.get("do")), None)
        if kind is None:
            raise BadRequest(f"expected one of {', '.join(KINDS)} to do")
        query = Query.parse(fields.get("q") or "")
        names = {name: _renamed(fields, name) for name in _NAMES} if kind == "rename" else {}
        edits = Edits(
            features=names.get("feature", {}),
            options=names.get("option", {}),
            classifications=names.get("classification", {}),
        )
        return cls(query, kind, edits, as_new=kind != "discard" and fields.get("as_new") == "yes")

    @property
    def verb(self) -> Verb:
        """What becomes of the dead letters."""
        return "discard" if self.kind == "discard" else "retry"

    @property
    def scope(self) -> str:
        """What it acts on; two actions on the same dead letters have the same scope."""
        return str(self.query) or "all"

    @property
    def name(self) -> str:
        """What it does, in words."""
        what = f"all that match {self.query}" if str(self.query) else "all dead letters"
        if self.query == Query(group=self.query.group):
            what = f"group {self.query.group}"
        renamed = ", ".join(f"{old} → {new}" for old, new in self.renamed)
        new = " as new rows" if self.as_new else ""
        return f"{self.verb} {what}{f' with {renamed}' if renamed else ''}{new}"

    @property
    def renamed(self) -> list[tuple[str, str]]:
        """The old and new names."""
        edits = (self.edits.features, self.edits.options, self.edits.classifications)
        return [pair for names in edits for pair in names.items()]


def _renamed(fields: Mapping[str, str], kind: str) -> dict[str, str]:
    old, new = fields.get(f"{kind}_old") or "", fields.get(f"{kind}_new") or ""
    if bool(old) != bool(new):
        raise BadRequest(f"{kind}: expected an old and a new name, found one of them")
    return {old: new} if old and old != new else {}
