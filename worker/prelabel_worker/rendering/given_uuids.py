"""Find a uuid that producers gave to annotations of two rows: workers and the check of a file ask here. No I/O.

Whether Labelbox takes one uuid on two data rows of an import is open; the rule that is safe whatever the answer is that
a uuid stands for one annotation of one data row (docs/reference/labelbox-format.md#1-3).
"""

import math
from collections import OrderedDict
from collections.abc import Mapping

from prelabel.errors import InvalidAnnotation, Reason

RowId = tuple[str, str, str]
"""A row: its project, the key of its data row (`i:<id>` or `k:<global key>`), and its model."""


class GivenUuids:
    """The uuids that the rows so far gave, and whose they are; with `most`, only that many, the latest."""

    __slots__ = ("_most", "_owners")

    def __init__(self, most: float = math.inf) -> None:
        self._most = most
        self._owners: OrderedDict[tuple[str, bytes], RowId] = OrderedDict()

    def claim(self, row: RowId, uuids: Mapping[bytes, int]) -> None:
        """Remember the uuids of a row, each with its annotation's place; none of them if it raises InvalidAnnotation.

        A row may give again what an earlier message of the same row gave.
        """
        owners, project_id = self._owners, row[0]
        for uuid, at in uuids.items():
            if owners.get((project_id, uuid), row) != row:
                raise _repeated(f"annotations[{at}].uuid")
        for uuid in uuids:
            owners[project_id, uuid] = row
        while len(owners) > self._most:
            owners.popitem(last=False)


def _repeated(path: str) -> InvalidAnnotation:
    return InvalidAnnotation(
        Reason.DUPLICATE_UUID,
        path,
        "a uuid that an annotation of another data row or model has",
        "a uuid that one annotation of one data row has",
        "leave uuid out: prelabel derives one for each annotation",
    )
