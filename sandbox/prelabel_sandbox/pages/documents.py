"""The data of the view of a document."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request

from prelabel_sandbox.checks.asset import Asset
from prelabel_sandbox.pages.content import Unreadable, json_of, parsed
from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.document import document_of, quoted_tokens
from prelabel_sandbox.pages.drawing.text_layer import TextLayer, text_layer_of
from prelabel_sandbox.pages.sources import is_missing, source_of


class Files(NamedTuple):
    """The addresses of a document's files; None for one that the row data do not name."""

    pdf: str | None = None
    text_layer: str | None = None


class _RowData(msgspec.Struct):
    pdf_url: str | None = None
    text_layer_url: str | None = None
    # Spelt like this in older guides.
    pdf: str | None = msgspec.field(default=None, name="pdfUrl")
    text_layer: str | None = msgspec.field(default=None, name="textLayerUrl")


_decoder = msgspec.json.Decoder(_RowData)


def shown_document(request: Request, asset: Asset, annotations: Sequence[Annotation]) -> dict[str, Any]:
    """Return the data of the template; `reason` says why the text layer cannot be read, "" if it can."""
    files = files_of(asset.row_data)
    pdf = source_of(request, files.pdf)
    no_pdf = is_missing(request, files.pdf)
    layer, reason = _text_layer(request, files.text_layer)
    document = document_of(annotations, layer, asset.pages)
    context = {"document": document, "pdf": pdf, "files": files, "no_pdf": no_pdf, "reason": reason}
    named = [quoted_tokens(annotation, layer) for annotation in annotations]
    return {**context, "annotations": named, "drawn": document.drawn, "notes": document.notes}


def files_of(row_data: str | None) -> Files:
    """Return the addresses that row data name: one, or an object with two."""
    if row_data is None or not row_data.lstrip().startswith("{"):
        return Files(row_data)
    try:
        named = parsed(row_data.encode(), _decoder.decode)
    except Unreadable:
        return Files()
    return Files(named.pdf_url or named.pdf, named.text_layer_url or named.text_layer)


def _text_layer(request: Request, address: str | None) -> tuple[TextLayer | None, str]:
    """Return the text layer at an address; or why there is none."""
    try:
        return parsed(json_of(request, address), text_layer_of), ""
    except Unreadable as error:
        return None, str(error)
