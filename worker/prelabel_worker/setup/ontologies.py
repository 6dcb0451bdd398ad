"""Make, list and read ontologies (docs/reference/labelbox-api.md#2-5)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel.errors import PrelabelError
from prelabel.json_record import JsonRecord
from prelabel_worker.labelbox.errors import ProjectGone, RequestError
from prelabel_worker.labelbox.response_types import CreatedOntology, OneOntology, OntologyFields, OntologyPage
from prelabel_worker.labelbox.responses import tree_of
from prelabel_worker.setup.calls import Calls, next_page
from prelabel_worker.setup.editor_tasks import TaskType

_FIELDS = "id name mediaType createdAt normalized objectSchemaCount classificationSchemaCount"
_CREATE = "mutation NewOntology($data: UpsertOntologyInput!) { upsertOntology(data: $data) { " + _FIELDS + " } }"
_READ = "query Ontology($id: ID!) { ontology(where: {id: $id}) { " + _FIELDS + " } }"
_LIST = (
    "query Ontologies($search: String, $filter: OntologyFilter, $from: String, $first: PageSize) { "
    "ontologies(where: {filter: $filter, search: $search}, after: $from, first: $first) "
    "{ nodes { " + _FIELDS + " } nextCursor } }"
)
_PAGE = 50
_COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22")


WITH_FEATURES = ("id", "name", "media_type", "created_at", "normalized")
"""The fields of an ontology's JSON as `ontology create` and `validate --ontology` read it."""


class NoOntology(PrelabelError):
    """Labelbox knows no such ontology, or the key may not see it."""


@dataclass(frozen=True, slots=True)
class Ontology(JsonRecord):
    """An ontology of the account."""

    json_fields = ("id", "name", "media_type", "created_at", "tools", "classifications")

    #: Its id at Labelbox.
    id: str
    #: Its name.
    name: str
    #: The media type of the projects that may use it; None when Labelbox does not say.
    media_type: str | None
    #: When it was made, in RFC 3339; None when Labelbox does not say.
    created_at: str | None
    #: How many tools it has at the top level.
    tools: int
    #: How many classifications it has at the top level.
    classifications: int
    #: Its features as Labelbox writes them.
    normalized: dict[str, Any]


class Ontologies:
    """The ontologies of an account."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(
        self, name: str, content: Mapping[str, Any], media_type: str | None, task: TaskType | None = None
    ) -> Ontology:
        """Make an ontology of these tools and classifications.

        If the answer is lost, looks for a new ontology of this name. Raises RequestError; if its `maybe_accepted` is
        set, none was found, and it may exist anyway.
        """
        before = {ontology.id for ontology in self.list(name) if ontology.name == name}
        data = {"name": name, "normalized": orjson.dumps(sent(content)).decode(), "mediaType": media_type}
        if task is not None:
            data["editorTaskType"] = task
        try:
            return _ontology(self._calls.create(_CREATE, {"data": data}, CreatedOntology).upsert_ontology)
        except RequestError as error:
            if not error.maybe_accepted:
                raise
            new = [ontology for ontology in self.list(name) if ontology.name == name and ontology.id not in before]
            if len(new) != 1:
                raise
            return new[0]

    def read(self, ontology_id: str) -> Ontology:
        """Read an ontology. Raises NoOntology, RequestError."""
        try:
            fields = self._calls.ask(_READ, {"id": ontology_id}, OneOntology).ontology
        except ProjectGone:  # the client raises it for RESOURCE_NOT_FOUND, whatever was asked for
            fields = None
        if fields is None:
            raise NoOntology(f"Labelbox knows no ontology {ontology_id}, or the key may not see it")
        return _ontology(fields)

    def list(self, search: str = "") -> Iterator[Ontology]:
        """Yield the ontologies whose name matches the search, in Labelbox's order. Raises RequestError."""
        after: str | None = None
        while True:
            variables = {"search": search, "filter": {"status": "ALL"}, "from": after, "first": _PAGE}
            page = self._calls.ask(_LIST, variables, OntologyPage).ontologies
            yield from map(_ontology, page.nodes or ())
            after = next_page(after, page.next_cursor)
            if not after:
                return


def sent(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tree as the official client sends it: with every key; the ids of new features are null."""
    tools = [
        {"required": False, "attributes": None, "color": _COLORS[at % len(_COLORS)], **_ids(tool), **tool}
        | {"classifications": [_classification(nested) for nested in tool.get("classifications") or ()]}
        for at, tool in enumerate(content.get("tools") or ())
    ]
    classifications = [_classification(feature) for feature in content.get("classifications") or ()]
    return {"tools": tools, "classifications": classifications}


def _classification(feature: Mapping[str, Any]) -> dict[str, Any]:
    name = feature.get("name") or feature.get("instructions")
    head = {"name": name, "instructions": name, "required": False, "attributes": None}
    options = [_option(option) for option in feature.get("options") or ()]
    return head | _ids(feature) | dict(feature) | {"options": options}


def _option(option: Mapping[str, Any]) -> dict[str, Any]:
    value = option.get("value", option.get("label"))
    below = [_classification(nested) for nested in option.get("options") or ()]
    return {"value": value, "label": value} | _ids(option) | dict(option) | {"options": below}


def _ids(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item.get(name) for name in ("schemaNodeId", "featureSchemaId")}


def _ontology(fields: OntologyFields) -> Ontology:
    return Ontology(
        fields.id,
        fields.name or "",
        fields.media_type,
        fields.created_at,
        fields.object_schema_count or 0,
        fields.classification_schema_count or 0,
        tree_of(fields.normalized),
    )
