"""What is asked of Labelbox and what it tells, as declared types. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class SubmitAs(StrEnum):
    """What rows are imported as. The same lines, another root field of Labelbox's API."""

    PRE_LABELS = "pre-labels"
    GROUND_TRUTH = "ground-truth"


@dataclass(frozen=True, slots=True)
class ProjectOntology:
    """What Labelbox says of a project that decides whether a row fits it."""

    normalized: dict[str, Any]
    media_type: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Import:
    """Labelbox's job: its state as they print it, and where its files are once it has ended."""

    id: str
    name: str
    state: str
    status_url: str
    error_url: str


@dataclass(frozen=True, slots=True)
class ImportName:
    """How Labelbox knows an import: by project and name, among those of pre-labels or of ground truth."""

    project_id: str
    name: str
    submit_as: SubmitAs = SubmitAs.PRE_LABELS
