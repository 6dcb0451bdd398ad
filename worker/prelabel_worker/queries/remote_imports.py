"""What a project has at Labelbox beside what is known here: imports of others, and whether labelers see pre-labels.

Labelbox has no query for the pre-labels of a row, and an import has no time: its name and its state are all there is.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.labelbox.client import PAGE, Labelbox
from prelabel_worker.labelbox.types import Import

OUR_PREFIX = "prelabel-"
"""How the names of our imports begin, those of `doctor --live` too."""
MOST_PAGES = 50


@dataclass(slots=True)
class AtLabelbox:
    """What was answered.

    Attributes:
        shown: whether labelers see the project's pre-labels; None when Labelbox does not say.
        ours: how many imports are known here.
        unknown: imports named like ours that are not: older than the history, of another installation, of the doctor.
        foreign: imports of others.
        complete: False when there are more imports than are looked at.

    """

    shown: bool | None = None
    ours: int = 0
    unknown: list[Import] = field(default_factory=list)
    foreign: list[Import] = field(default_factory=list)
    complete: bool = True

    def as_json(self) -> dict[str, Any]:
        """For `project show --labelbox --json`."""
        return {
            "shownToLabelers": self.shown,
            "ours": self.ours,
            "namedLikeOurs": [_as_json(each) for each in self.unknown],
            "notOurs": [_as_json(each) for each in self.foreign],
            "complete": self.complete,
        }


def look(labelbox: Labelbox, pacer: Pacer, project_id: str, known: Collection[str]) -> AtLabelbox:
    """Ask, a request for each hundred imports and one more; `known` are the names of ours. Raises RequestError."""
    pacer.wait()
    found = AtLabelbox(labelbox.shows_pre_labels(project_id))
    for page in range(MOST_PAGES):
        pacer.wait()
        listed = labelbox.list_imports(project_id, page * PAGE)
        for each in listed:
            if each.name in known:
                found.ours += 1
            else:
                (found.unknown if each.name.startswith(OUR_PREFIX) else found.foreign).append(each)
        if len(listed) < PAGE:
            return found
    found.complete = False
    return found


def _as_json(found: Import) -> dict[str, str]:
    return {"name": found.name, "state": found.state, "id": found.id}
