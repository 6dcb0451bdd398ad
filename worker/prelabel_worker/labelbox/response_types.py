"""The types of Labelbox's answers, with only the fields that are used. No I/O.

Source: docs/reference/labelbox-api.md#2.

`responses.read` converts answers to them. It ignores fields that are not declared. `None` stands for null and for a
missing field; a field without a default is required.
"""

from typing import Annotated, Any

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Text = Annotated[str, msgspec.Meta(max_length=65_536)]
Words = str | None  # of any length; shortened where it is shown
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
    """The fields of a project that rows are checked against."""

    allowed_media_type: Text | None = None
    ontology: ConnectedOntology | None = None


class Named(Part, frozen=True):
    """The name of a project."""

    name: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class OntologyOfProject(Part, frozen=True):
    """The project, or null if there is none that the key may see."""

    project: ProjectFields | None = None


class Shown(Part, frozen=True):
    """Whether labelers see pre-labels; a value that is not a boolean counts as unknown."""

    showing_predictions_to_labelers: Any = None


class ShownOfProject(Part, frozen=True):
    """The project with `Shown`, or null."""

    project: Shown | None = None


class UploadedFile(Part, frozen=True):
    """The address of an uploaded file."""

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]


class Uploaded(Part, frozen=True):
    """The answer to an upload."""

    upload_file: UploadedFile


class Deleted(Part, frozen=True):
    """The import that was deleted, or null."""

    deleted: dict[str, Any] | None = msgspec.field(name="deleteModelAssistedLabelingPredictionImport", default=None)


class Anything(Part, frozen=True):
    """An answer whose content is not read."""


class Option(Part, frozen=True):
    """An option of a radio or checklist; values and labels may be numbers (docs/reference/labelbox-api.md#2-5)."""

    feature_schema_id: str | int | None = None
    value: _Scalar = None
    label: _Scalar = None
    archived: bool | int | None = None
    options: "list[Classification] | None" = None


class Classification(Part, frozen=True):
    """A classification, at the top level or nested."""

    feature_schema_id: str | int | None = None
    name: _Scalar = None
    instructions: _Scalar = None
    type: str | None = None
    archived: bool | int | None = None
    min_characters: int | float | None = None
    max_characters: int | float | None = None
    options: list[Option] | None = None


class Definition(Part, frozen=True):
    """The definition of a tool: for a relationship, the pairs that it may link."""

    constraints: list[list[_Scalar]] | None = None


class Tool(Part, frozen=True):
    """A tool of an ontology."""

    feature_schema_id: str | int | None = None
    name: _Scalar = None
    tool: str | None = None
    archived: bool | int | None = None
    definition: Definition | None = None
    classifications: list[Classification] | None = None


class OntologyTree(Part, frozen=True):
    """The value of `ontology.normalized`."""

    tools: list[Tool] | None = None
    classifications: list[Classification] | None = None


class CreatedDataset(Part, frozen=True):
    """The dataset that was created."""

    create_dataset: Ref


class KeysJob(Part, frozen=True):
    """The job that looks up global keys."""

    job_id: Id


class KeysLookedUp(Part, frozen=True):
    """The answer to the request that starts a look-up of global keys."""

    job: KeysJob = msgspec.field(name="dataRowsForGlobalKeys")


class FetchedRow(Part, frozen=True):
    """The data row of a global key; without an id if there is none."""

    id: Text | None = None


class KeysFound(Part, frozen=True):
    """The result of a look-up of global keys."""

    fetched_data_rows: list[FetchedRow] | None = None
    not_found_global_keys: list[str] | None = None
    access_denied_global_keys: list[str] | None = None


class KeysState(Part, frozen=True):
    """The state of a look-up of global keys."""

    job_status: Text | None = None
    data: KeysFound | None = None


class KeysResult(Part, frozen=True):
    """The answer to a request for the state of a look-up."""

    result: KeysState | None = msgspec.field(name="dataRowsForGlobalKeysResult", default=None)


class AllProcessed(Part, frozen=True):
    """Whether all data rows have been processed, so that they may go into a batch."""

    all_data_rows_have_been_processed: bool | None = None


class Processed(Part, frozen=True):
    """The answer that contains `AllProcessed`."""

    answer: AllProcessed | None = msgspec.field(name="queryAllDataRowsHaveBeenProcessed", default=None)


class Upserted(Part, frozen=True):
    """The task that adds data rows."""

    upsert_data_rows: Ref


class FailedSpec(Part, frozen=True):
    """The global key of a data row that was not added."""

    global_key: Words = None


class FailedRow(Part, frozen=True):
    """A data row that a task did not add, and the reason."""

    message: Words = None
    spec: FailedSpec | None = None


class FailedRows(Part, frozen=True):
    """A page of data rows that a task did not add."""

    after: Text | None = None
    results: list[FailedRow] | None = None


class FailedPage(Part, frozen=True):
    """The answer that contains `FailedRows`."""

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
    """The ontology that was created."""

    upsert_ontology: OntologyFields


class OneOntology(Part, frozen=True):
    """The ontology that was requested, or null."""

    ontology: OntologyFields | None = None


class OntologyNodes(Part, frozen=True):
    """A page of the account's ontologies."""

    nodes: list[OntologyFields] | None = None
    next_cursor: Text | None = None


class OntologyPage(Part, frozen=True):
    """The answer that contains `OntologyNodes`."""

    ontologies: OntologyNodes


class CreatedProject(Part, frozen=True):
    """The project that was created."""

    create_project: Ref


class EditorOf(Part, frozen=True):
    """A project's editor."""

    labeling_frontend: dict[str, Any] | None = None


class EditorOfProject(Part, frozen=True):
    """The project with its editor, or null."""

    project: EditorOf | None = None


class Editors(Part, frozen=True):
    """The editors with the requested name."""

    labeling_frontends: list[Ref] | None = None


class ShownNow(Part, frozen=True):
    """The setting that a project has after it was changed."""

    show_predictions_to_labelers: Shown | None = None


class ShownOnProject(Part, frozen=True):
    """The project with `ShownNow`, or null."""

    project: ShownNow | None = None


class BatchFields(Part, frozen=True):
    """A batch."""

    id: Id
    name: Text | None = None
    size: Size | None = None


class SmallBatch(Part, frozen=True):
    """A batch that was created with its data rows, and the ids of data rows that were not added to it."""

    batch: BatchFields | None = None
    failed_data_row_ids: list[str] | None = None


class NewBatch(Part, frozen=True):
    """The batch that was created. Only one of the two fields is set, depending on the request."""

    create_batch_v2: SmallBatch | None = msgspec.field(name="createBatchV2", default=None)
    create_empty_batch: Ref | None = None


class NewBatchOfProject(Part, frozen=True):
    """The project with its new batch, or null."""

    project: NewBatch | None = None


class BegunTask(Part, frozen=True):
    """A task that was started."""

    task_id: Id


class RowsToBatch(Part, frozen=True):
    """The task that fills a batch."""

    begun: BegunTask = msgspec.field(name="addDataRowsToBatchAsync")


class RowsToBatchOfProject(Part, frozen=True):
    """The project with the task that fills its batch."""

    project: RowsToBatch


class PageInfo(Part, frozen=True):
    """The cursor of the next page."""

    end_cursor: Text | None = None


class BatchNodes(Part, frozen=True):
    """A page of batches."""

    nodes: list[BatchFields] | None = None
    page_info: PageInfo | None = None


class ProjectBatches(Part, frozen=True):
    """A project's batches."""

    batches: BatchNodes


class BatchesOfProject(Part, frozen=True):
    """The project with its batches."""

    project: ProjectBatches


class Me(Part, frozen=True):
    """The user whose key was used."""

    user: Ref


class TaskFields(Part, frozen=True):
    """A task. Its result and its errors have no declared type, since they are only shown."""

    status: Text | None = None
    completion_percentage: int | float | None = None
    result: Any = None
    errors: Any = None


class UserTasks(Part, frozen=True):
    """The tasks of the user whose key was used."""

    created_tasks: list[TaskFields] | None = None


class TasksOfUser(Part, frozen=True):
    """The user with their tasks, or null."""

    user: UserTasks | None = None
