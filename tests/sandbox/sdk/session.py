"""The context that the operations share. Only a session imports the SDK, since that takes seconds."""

import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

Operation = Callable[["Session"], None]
OPERATIONS: dict[str, Operation] = {}
SINCE: dict[str, int] = {}
"""The first release of the SDK, by operation, which has all that the operation calls; at least 5."""


class Session(SimpleNamespace):
    """What earlier operations have made: `lb` is the SDK's package, `control` the sandbox's own API."""


def operation(name: str, since: int = 5) -> Callable[[Operation], Operation]:
    """A row of the table; in the order of the files, since most need what was made before."""

    def add(function: Operation) -> Operation:
        OPERATIONS[name], SINCE[name] = function, since
        return function

    return add


@contextmanager
def raises(kind: type[BaseException], text: str = "") -> Iterator[None]:
    """Return the error that a user of the SDK gets."""
    with pytest.raises(kind, match=re.escape(text)):
        yield


def box(**changes: Any) -> dict[str, Any]:
    line = {
        "uuid": str(uuid4()),
        "name": "boat",
        "dataRow": {"globalKey": "quay-1"},
        "bbox": {"top": 5, "left": 6, "height": 70, "width": 80},
    }
    return {**line, **changes}


def imported(session: Session, lines: list[Any], name: str) -> Any:
    job = session.mal.create_from_objects(session.client, session.project.uid, name, lines)
    job.wait_till_done(sleep_time_seconds=0)
    return job


def session_at(url: str, key: str, folder: Path) -> Session:
    import labelbox
    import labelbox.types
    import requests
    from labelbox.schema import identifiable

    errors = "lbox.exceptions" if importlib.util.find_spec("lbox") else "labelbox.exceptions"  # until SDK 5

    def control(method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{url}/_sandbox/{path}", json=body, timeout=20)
        answer.raise_for_status()
        return answer

    def pre_labels(project_id: str) -> list[dict[str, Any]]:
        content = control("GET", f"projects/{project_id}/pre-labels").content
        return [json.loads(line) for line in content.split(b"\n") if line]

    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xd9")
    return Session(
        lb=labelbox,
        types=labelbox.types,
        mal=labelbox.MALPredictionImport,
        errors=importlib.import_module(errors),
        identifiable=identifiable,
        requests=requests,
        client=labelbox.Client(api_key=key, endpoint=f"{url}/graphql", rest_endpoint=f"{url}/api/v1"),
        control=control,
        pre_labels=pre_labels,
        folder=folder,
        photo=folder / "photo.jpg",
    )
