"""What Labelbox answers, as declared types: the fields that are used, and no others. Pure.

Source: docs/reference/labelbox-api.md#2.

`answers.read` decodes into them. Fields that are not declared pass. `None` stands for null and for what is left out;
what has no default must be there.
"""

from typing import Annotated, Any

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Text = Annotated[str, msgspec.Meta(max_length=65_536)]
Words = str | None  # as long as an answer may be; cut where it is shown
Size = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Scalar = str | int | float | bool | None


class Part(msgspec.Struct, frozen=True, rename="camel"):
    """An object of an answer."""


class Ref(Part, frozen=True):
    """Anything that has an id."""

    id: Id


class ImportFields(Part, frozen=True):
    """The IMPORT set (docs/reference/labelbox-api.md#2-0)."""

    id: Id
    name: Text | None = None
    state: Text | None = None
    status_file_url: Text | None = None
    error_file_url: Text | None = None


class ImportPage(Part, frozen=True):
    """A page of a project's imports."""

    imports: list[ImportFields | None] = msgspec.field(name="modelAssistedLabelingPredictionImports")


class ConnectedOntology(Part, frozen=True):
    """A project's ontology; its tree comes as an object or as text."""

    name: Text | None = None
    normalized: dict[str, Any] | str | None = None


class ProjectFields(Part, frozen=True):
    """What decides whether a row fits its project."""

    allowed_media_type: Text | None = None
    ontology: ConnectedOntology | None = None


class OntologyOfProject(Part, frozen=True):
    """The project, or null where there is none that the key may see."""

    project: ProjectFields | None = None


class Shown(Part, frozen=True):
    """Whether labelers see pre-labels: what is no truth value says nothing."""

    showing_predictions_to_labelers: Any = None


class ShownOfProject(Part, frozen=True):
    """The project, or null."""

    project: Shown | None = None


class UploadedFile(Part, frozen=True):
    """The address of a file."""

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]


class Uploaded(Part, frozen=True):
    """The answer to an upload."""

    upload_file: UploadedFile


class Deleted(Part, frozen=True):
    """The import that was deleted, or null."""

    deleted: dict[str, Any] | None = msgspec.field(name="deleteModelAssistedLabelingPredictionImport", default=None)


class Anything(Part, frozen=True):
    """An answer that is not looked at: that there is one says enough."""


class Option(Part, frozen=True):
    """An option of a radio or checklist; values and labels may be numbers (docs/reference/labelbox-api.md#2-5)."""

    feature_schema_id: str | int | None = None
    value: _Scalar = None
    label: _Scalar = None
    archived: bool | int | None = None
    options: "list[Classification] | None" = None


class Classification(Part, frozen=True):
    """A classification, at the top or nested."""

    feature_schema_id: str | int | None = None
    name: _Scalar = None
    instructions: _Scalar = None
    type: str | None = None
    archived: bool | int | None = None
    min_characters: int | float | None = None
    max_characters: int | float | None = None
    options: list[Option] | None = None


class Definition(Part, frozen=True):
    """What is special about a tool."""

    constraints: list[list[_Scalar]] | None = None


class Tool(Part, frozen=True):
    """A tool."""

    feature_schema_id: str | int | None = None
    name: _Scalar = None
    tool: str | None = None
    archived: bool | int | None = None
    definition: Definition | None = None
    classifications: list[Classification] | None = None


class OntologyTree(Part, frozen=True):
    """`ontology.normalized`."""

    tools: list[Tool] | None = None
    classifications: list[Classification] | None = None


class CreatedDataset(Part, frozen=True):
    """A new dataset."""

    create_dataset: Ref


class KeysJob(Part, frozen=True):
    """The job of a look-up of global keys."""

    job_id: Id


class KeysLookedUp(Part, frozen=True):
    """The answer that begins one."""

    job: KeysJob = msgspec.field(name="dataRowsForGlobalKeys")


class FetchedRow(Part, frozen=True):
    """A data row; no id where there is none of the key."""

    id: Text | None = None


class KeysFound(Part, frozen=True):
    """What a look-up of global keys ended with."""

    fetched_data_rows: list[FetchedRow] | None = None
    not_found_global_keys: list[str] | None = None
    access_denied_global_keys: list[str] | None = None


class KeysState(Part, frozen=True):
    """How far it is."""

    job_status: Text | None = None
    data: KeysFound | None = None


class KeysResult(Part, frozen=True):
    """The answer to a question for it."""

    result: KeysState | None = msgspec.field(name="dataRowsForGlobalKeysResult", default=None)


class AllProcessed(Part, frozen=True):
    """Whether all data rows may go into a batch."""

    all_data_rows_have_been_processed: bool | None = None


class Processed(Part, frozen=True):
    """The answer to that question."""

    answer: AllProcessed | None = msgspec.field(name="queryAllDataRowsHaveBeenProcessed", default=None)


class Upserted(Part, frozen=True):
    """The task that adds data rows."""

    upsert_data_rows: Ref


class FailedSpec(Part, frozen=True):
    """Which row was not added."""

    global_key: Words = None


class FailedRow(Part, frozen=True):
    """A row that a task did not add, and why."""

    message: Words = None
    spec: FailedSpec | None = None


class FailedRows(Part, frozen=True):
    """A page of them."""

    after: Text | None = None
    results: list[FailedRow] | None = None


class FailedPage(Part, frozen=True):
    """The answer that holds it."""

    page: FailedRows = msgspec.field(name="failedDataRowImports")


class OntologyFields(Part, frozen=True):
    """An ontology of the account."""

    id: Id
    name: Text | None = None
    media_type: Text | None = None
    created_at: Text | None = None
    normalized: dict[str, Any] | str | None = None
    object_schema_count: Size | None = None
    classification_schema_count: Size | None = None


class CreatedOntology(Part, frozen=True):
    """A new one."""

    upsert_ontology: OntologyFields


class OneOntology(Part, frozen=True):
    """One that was asked for, or null."""

    ontology: OntologyFields | None = None


class OntologyNodes(Part, frozen=True):
    """A page of them."""

    nodes: list[OntologyFields] | None = None
    next_cursor: Text | None = None


class OntologyPage(Part, frozen=True):
    """The answer that holds it."""

    ontologies: OntologyNodes


class CreatedProject(Part, frozen=True):
    """A new project."""

    create_project: Ref


class EditorOf(Part, frozen=True):
    """A project's editor."""

    labeling_frontend: dict[str, Any] | None = None


class EditorOfProject(Part, frozen=True):
    """The project, or null."""

    project: EditorOf | None = None


class Editors(Part, frozen=True):
    """The editors of a name."""

    labeling_frontends: list[Ref] | None = None


class ShownNow(Part, frozen=True):
    """What a project was set to."""

    show_predictions_to_labelers: Shown | None = None


class ShownOnProject(Part, frozen=True):
    """The project, or null."""

    project: ShownNow | None = None


class BatchFields(Part, frozen=True):
    """A batch."""

    id: Id
    name: Text | None = None
    size: Size | None = None


class SmallBatch(Part, frozen=True):
    """A batch that was made with its rows, and those that are not in it."""

    batch: BatchFields | None = None
    failed_data_row_ids: list[str] | None = None


class NewBatch(Part, frozen=True):
    """A new batch: one field of the two."""

    create_batch_v2: SmallBatch | None = msgspec.field(name="createBatchV2", default=None)
    create_empty_batch: Ref | None = None


class NewBatchOfProject(Part, frozen=True):
    """The project, or null."""

    project: NewBatch | None = None


class BegunTask(Part, frozen=True):
    """A task that was begun."""

    task_id: Id


class RowsToBatch(Part, frozen=True):
    """The task that fills a batch."""

    begun: BegunTask = msgspec.field(name="addDataRowsToBatchAsync")


class RowsToBatchOfProject(Part, frozen=True):
    """The project."""

    project: RowsToBatch


class PageInfo(Part, frozen=True):
    """Where the next page begins."""

    end_cursor: Text | None = None


class BatchNodes(Part, frozen=True):
    """A page of batches."""

    nodes: list[BatchFields] | None = None
    page_info: PageInfo | None = None


class ProjectBatches(Part, frozen=True):
    """A project's batches."""

    batches: BatchNodes


class BatchesOfProject(Part, frozen=True):
    """The project."""

    project: ProjectBatches


class Me(Part, frozen=True):
    """Whose key this is."""

    user: Ref


class TaskFields(Part, frozen=True):
    """A task; its result and its errors are of no declared form, and only shown."""

    status: Text | None = None
    completion_percentage: int | float | None = None
    result: Any = None
    errors: Any = None


class UserTasks(Part, frozen=True):
    """Tasks of the key's user."""

    created_tasks: list[TaskFields] | None = None


class TasksOfUser(Part, frozen=True):
    """The user, or null."""

    user: UserTasks | None = None
