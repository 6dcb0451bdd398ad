"""The types that callers of `client.Labelbox` pass and get. No I/O."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class SubmitAs(StrEnum):
    """The kind of an import. Both kinds take the same NDJSON lines; Labelbox has a GraphQL mutation for each."""

    PRE_LABELS = "pre-labels"
    GROUND_TRUTH = "ground-truth"


@dataclass(frozen=True, slots=True)
class ProjectOntology:
    """The ontology and media type of a project: rows are checked against them."""

    normalized: dict[str, Any]
    media_type: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Import:
    """An import at Labelbox: its state in Labelbox's words, and the addresses of its files once it has ended."""

    id: str
    name: str
    state: str
    status_url: str
    error_url: str


@dataclass(frozen=True, slots=True)
class ImportName:
    """What an import is looked up by: project, name and kind; pre-labels and ground truth may share a name."""

    project_id: str
    name: str
    submit_as: SubmitAs = SubmitAs.PRE_LABELS
