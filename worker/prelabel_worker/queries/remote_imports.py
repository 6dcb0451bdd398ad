"""Ask Labelbox which imports a project has that are not known here, and whether labelers see pre-labels.

Labelbox has no query for the pre-labels of a data row. Of an import it gives the name and the state, but no time.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar

from prelabel.json_record import JsonRecord
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.labelbox.client import PAGE, Labelbox
from prelabel_worker.labelbox.types import Import

OUR_PREFIX = "prelabel-"
"""The prefix of the names of our imports, including those of `doctor --live`."""
MAX_PAGES = 50


@dataclass(slots=True)
class AtLabelbox(JsonRecord):
    """What a project has at Labelbox."""

    json_fields = ("shown", "ours", "named_like_ours", "not_ours", "complete")
    json_names: ClassVar = {"shown": "shownToLabelers"}

    #: Whether labelers see the project's pre-labels; None when Labelbox does not say.
    shown: bool | None = None
    #: How many imports are known here.
    ours: int = 0
    #: Imports named like ours that are unknown here: older than the history, of another installation, or of the doctor.
    unknown: list[Import] = field(default_factory=list)
    #: Imports of others.
    foreign: list[Import] = field(default_factory=list)
    #: False when there are more imports than `look` reads.
    complete: bool = True

    @property
    def named_like_ours(self) -> list[dict[str, str]]:
        """The name, state and id of each import in `unknown`."""
        return [_named(job) for job in self.unknown]

    @property
    def not_ours(self) -> list[dict[str, str]]:
        """The name, state and id of each import in `foreign`."""
        return [_named(job) for job in self.foreign]


def look(labelbox: Labelbox, pacer: Pacer, project_id: str, known: Collection[str]) -> AtLabelbox:
    """Ask Labelbox, with one request for each hundred imports and one more. Raises RequestError.

    `known` are the names of the imports that are known here.
    """
    pacer.wait()
    remote = AtLabelbox(labelbox.shows_pre_labels(project_id))
    for page in range(MAX_PAGES):
        pacer.wait()
        listed = labelbox.list_imports(project_id, page * PAGE)
        for job in listed:
            if job.name in known:
                remote.ours += 1
            else:
                (remote.unknown if job.name.startswith(OUR_PREFIX) else remote.foreign).append(job)
        if len(listed) < PAGE:
            return remote
    remote.complete = False
    return remote


def _named(job: Import) -> dict[str, str]:
    return {"name": job.name, "state": job.state, "id": job.id}
