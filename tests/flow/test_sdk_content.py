"""The same predictions imported by the SDK and through prelabel leave the same content, but for uuids.

Where the SDK's lines differ from ours, `DIFFERENCES` in tests/support/sdk_comparison.py says how and why.
"""

import json
import secrets
import warnings
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

pytest.importorskip("labelbox.types", reason="pip install 'prelabel[labelbox]'", exc_type=ImportError)

import labelbox

from prelabel import Publisher
from prelabel_worker.stack.stack import Stack
from tests.golden import HARBOUR, cases, message_of
from tests.support.flow import Flow
from tests.support.lines import canonical
from tests.support.sdk_comparison import Line, compared
from tests.support.sdk_labels import EXAMPLES

CASES = cases("valid")
MARKED = "benchmark"
"""Projects of pre-labels refuse the mark; the SDK sends it all the same."""


@dataclass
class Pair:
    """A project of prelabel's and one of the SDK's, and the same predictions for both."""

    media: str
    messages: list[Any]
    predictions: list[Any]
    model: str | None = None

    def __post_init__(self) -> None:
        self.ours = f"p{secrets.token_hex(4)}"
        self.theirs = f"{self.ours}-sdk"


def rows_of(media: str) -> list[list[Line]]:
    """The lines of docs/reference/labelbox-format.md by data row; each case has its own rows and uuids."""
    rows: dict[str, list[Line]] = {}
    for case in CASES:
        for line in case["lines"] if case["media"] == media else ():
            key = f"{case['id']}/{line['dataRow']}"
            text = json.dumps(line | {"dataRow": {"globalKey": key}})
            for uuid in {line.get("uuid"), *(line.get("relationship", {}).get(end) for end in ("source", "target"))}:
                text = text.replace(uuid, str(uuid5(NAMESPACE_URL, case["id"] + uuid))) if uuid else text
            rows.setdefault(key, []).append(json.loads(text))
    return list(rows.values())


def of_dicts(media: str) -> Pair:
    rows = rows_of(media)
    return Pair(media, [message_of(lines) for lines in rows], [line for lines in rows for line in lines])


def labelled(name: str, made: Any) -> Any:
    """An example with a data row and uuids of its own; they share those that they give."""
    made = deepcopy(made)
    made.data.uid, made.data.global_key = None, name
    for annotation in made.annotations:
        link = getattr(annotation, "value", None)
        ends: list[Any] = [getattr(link, end, None) for end in ("source", "target")]
        for each in (annotation, *ends):
            given = getattr(each, "extra", {}).get("uuid", "")
            if given.startswith("5b0c9a1e"):
                each.extra["uuid"] = each._uuid = str(uuid5(NAMESPACE_URL, name + given))
    return made


def of_types(media: str) -> Pair:
    made = {name: make() for name, (of_media, make) in EXAMPLES.items() if of_media == media and name != MARKED}
    labels = [labelled(name, each) for name, each in made.items()]
    return Pair(media, labels, labels, "yolo")


def publish(stack: Stack, pair: Pair) -> None:
    with Publisher(stack.file.redis_url) as publisher:
        for message in pair.messages:
            if pair.model is None:
                publisher.publish(message | {"projectId": pair.ours})
            else:
                publisher.publish(message, project_id=pair.ours, model=pair.model)


def import_by_the_sdk(stack: Stack, pair: Pair) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own models, about its own masks
        client = labelbox.Client(api_key=stack.file.labelbox_api_key, endpoint=f"{stack.file.sandbox_url}/graphql")
        job = labelbox.MALPredictionImport.create_from_objects(client, pair.theirs, "all", pair.predictions)
        job.wait_till_done(sleep_time_seconds=0)
        assert [each for each in job.statuses if each["status"] != "SUCCESS"] == []


PAIRS = {
    **{f"dicts, {media}": (of_dicts, media) for media in sorted({case["media"] for case in CASES})},
    **{f"types, {media}": (of_types, media) for media in sorted({media for media, _ in EXAMPLES.values()})},
}


@pytest.fixture(scope="module")
def pairs(stack: Stack) -> Iterator[dict[str, tuple[Flow, Pair]]]:
    """All pairs, published at once and then imported by the SDK, so that workers need not be waited for."""
    client = stack.client()
    made = {}
    for name, (make, media) in PAIRS.items():
        pair = make(media)
        made[name] = (Flow(stack, pair.ours, client), pair)
        for project in (pair.ours, pair.theirs):
            body = {"id": project, "ontology": HARBOUR, "mediaType": media}
            made[name][0].control("POST", "projects", body)
        publish(stack, pair)
    yield made
    client.close()


def content(flow: Flow, project: str) -> list[bytes]:
    text = flow.control("GET", f"projects/{project}/pre-labels").text
    return compared([canonical(json.loads(line)) for line in text.split("\n") if line])


@pytest.mark.parametrize("name", PAIRS)
def test_both_ways_leave_the_same_content(pairs: dict[str, tuple[Flow, Pair]], name: str) -> None:
    flow, pair = pairs[name]
    import_by_the_sdk(flow.stack, pair)
    assert flow.settled().dead == 0, [dead_letter.details for dead_letter in flow.held.dead_letters(pair.ours)]
    ours = content(flow, pair.ours)
    assert len(ours) >= len(pair.messages)
    assert ours == content(flow, pair.theirs)
