"""Data rows as objects: one by id, or those of a dataset (docs/reference/labelbox-api.md#2-12)."""

from typing import Any

from ariadne import ObjectType, QueryType
from starlette.concurrency import run_in_threadpool

from prelabel_sandbox.errors import malformed, not_found
from prelabel_sandbox.resolvers.common import Info, timestamp
from prelabel_sandbox.store.account_rows import AccountRow
from prelabel_sandbox.store.datasets import Dataset

query, row_type = QueryType(), ObjectType("DataRow")
BINDABLES = (query, row_type)

_PAGE = 500  # as the SDK asks for
_COLUMNS = {"externalId": "external_id", "globalKey": "global_key"}


@query.field("dataRow")
def find_row(_: Any, info: Info, where: dict[str, Any]) -> dict[str, Any]:
    """Answer a data row by id."""
    row = info.context.store.account_rows.get(where["id"])
    if row is None:
        raise not_found("DataRow")
    return _answer(row)


@query.field("datasetDataRows")
async def rows_of_dataset(
    _: Any, info: Info, first: int | None = None, where: dict[str, str] | None = None, **named: str | None
) -> dict[str, Any]:
    """Answer a page of a dataset's data rows, newest first, after the data row that the cursor names."""
    store = info.context.store
    dataset_id, cursor = str(named["id"]), named.get("from")
    if store.datasets.get(dataset_id) is None:
        raise not_found("Dataset")
    after = store.account_rows.get(cursor) if cursor else None
    if cursor and after is None:
        raise malformed("from is not the id of a data row")
    size = min(max(first or _PAGE, 1), _PAGE)
    wanted = {_COLUMNS[name]: value for name, value in (where or {}).items()}
    position = after.seq if after else None
    rows = await run_in_threadpool(store.account_rows.page, dataset_id, position, size + 1, wanted)
    more = len(rows) > size
    # The SDK continues at `startCursor` until it is empty.
    page = {"hasNextPage": more, "startCursor": rows[size - 1].id if more else None}
    return {"nodes": [_answer(row) for row in rows[:size]], "pageInfo": page}


def _answer(row: AccountRow) -> dict[str, Any]:
    """Return the fields of a data row; the sandbox keeps no metadata, and looks into no asset."""
    return {
        "id": row.id,
        "externalId": row.external_id,
        "globalKey": row.global_key,
        "rowData": row.row_data,
        "createdAt": timestamp(row.created),
        "updatedAt": timestamp(row.updated),
        "mediaAttributes": {},
        "customMetadata": [],
        "metadataFields": [],
        "datasetId": row.dataset_id,
    }


@row_type.field("dataset")
def dataset_of_row(row: dict[str, Any], info: Info) -> Dataset | None:
    """Answer the dataset of a data row that was asked for by id or by dataset."""
    return info.context.store.datasets.get(row["datasetId"]) if "datasetId" in row else None


@query.field("customMetadataOntology")
def metadata_ontology(_: Any, __: Info) -> list[Any]:
    """Answer that there are no metadata fields; the SDK asks before it reads a data row."""
    return []
