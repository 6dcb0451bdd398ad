"""What `--json` prints of a record comes from the record's declaration."""

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, get_args, get_type_hints

import pytest

from prelabel.errors import Reason
from prelabel.json_record import JsonRecord, camel_case
from prelabel.unix_time import UnixTime
from prelabel_worker.accounts.status import AccountStatus, Stop
from prelabel_worker.cli.publish.send import Refusal
from prelabel_worker.dead_letters.bulk_log import BulkAction
from prelabel_worker.dead_letters.group_state import GroupState
from prelabel_worker.dead_letters.letter import DeadLetter, DeadLetterGroup
from prelabel_worker.dead_letters.store import BulkResult
from prelabel_worker.doctor.findings import Check, Finding, Level
from prelabel_worker.doctor.live.questions import Answer
from prelabel_worker.operations.action_log import Action
from prelabel_worker.operations.purge import PurgeResult
from prelabel_worker.presence import WorkerStatus
from prelabel_worker.quarantine.quarantine import Quarantined
from prelabel_worker.queries.audit import ProjectAudit
from prelabel_worker.queries.error_groups import ErrorGroup, ProjectRows
from prelabel_worker.queries.imports import ImportStatus
from prelabel_worker.queries.remote_imports import AtLabelbox
from prelabel_worker.queries.row_report import ReportedRow
from prelabel_worker.queries.status import ProjectStatus
from prelabel_worker.queries.waiting import Wait
from prelabel_worker.rendering.file_validation import Fault, ProjectCount, Report
from prelabel_worker.rendering.message_check import CheckedMessage, MessageProblem
from prelabel_worker.setup.new_rows import NoRow
from prelabel_worker.setup.ontologies import WITH_FEATURES, Ontology

DEAD_LETTER = DeadLetter(
    id="7", project_id="p", message_id="m", data_row="k:a", model="d", reason="unknown-feature", group="g",
    details={"found": "x"}, stage="group", chunk_id="c", import_name="i", attempts=2, first_at=UnixTime(1.0),
    last_at=UnixTime(2.0),
    superseded=False, weight=1, lane=3, header=b"{}", message=b"\xff",
)  # fmt: skip
STATUS = ProjectStatus(
    project_id="p", published=1, pending=1, imported=0, superseded=0, skipped=0, dead=0, discarded=0, waiting=1,
    chunks={}, oldest_waiting_seconds=None, dead_reasons={}, paused=None, paused_until=None,
)  # fmt: skip
IMPORT = ImportStatus(
    "p", "c", "n", "i", "settled", "FINISHED", 1, {"imported": 1}, 1, 0, 1, UnixTime(1.0), UnixTime(2.0), None
)
ONTOLOGY = Ontology("o", "n", None, None, 1, 0, {"tools": []})

DOCUMENTED = [
    (Stop("paused", "w", 1.0), "kind why until fingerprint"),
    (
        AccountStatus("default"),
        "account limit rate used stops breaker breakerSeconds failures projects hasKey workers keys",
    ),
    (
        DEAD_LETTER,
        "id projectId messageId dataRow model reason group details stage chunk import attempts retried firstAt lastAt "
        "superseded rows message messageBase64 retry addDataRows",
    ),
    (
        DeadLetterGroup("p", "g", 1, UnixTime(1.0), UnixTime(2.0), DEAD_LETTER),
        "projectId group reason rows example sample firstAt lastAt retry addDataRows",
    ),
    (
        Refusal("line 1", "w", Reason.MALFORMED_JSON),
        "line where path reason found expected hint projectId dataRow messageId",
    ),
    (BulkResult(), "matched done skipped"),
    (
        BulkAction("b", "n", "retry", "u", "s", 1, "running", BulkResult(), 1, 0, "", UnixTime(1.0), UnixTime(2.0)),
        "id name verb who scope matching state result projects projectsDone problem startedAt updatedAt abortedBy",
    ),
    (ProjectRows("p", 1), "projectId rows"),
    (
        ErrorGroup("g", "r", "a", 1, (), 1, (), False, None, None, GroupState(), None),
        "group reason field about suggestion rows projects projectCount models sampled firstAt lastAt state stateBy "
        "stateAt",
    ),
    (MessageProblem("$.x", Reason.UNKNOWN_FEATURE, "f", "e"), "path reason found expected hint"),
    (CheckedMessage([], 1, True), "problems annotations withOntology"),
    (PurgeResult(), "unsent held inFlight"),
    (Wait("p", "operator", "w", "r"), "projectId cause why remedy"),
    (Finding(Check.CLOCK, Level.OK, "x"), "check level good found remedy projectId"),
    (Answer("q", "a", "b"), "question asked answered good"),
    (Action("p", UnixTime(1.0), "retry", "u", {}), "projectId account at action who details"),
    (Quarantined("p", "tick", "d", 1), "projectId stage detail"),
    (ProjectAudit("p", {}, {}, []), "projectId balances counted found differences"),
    (
        IMPORT,
        "projectId chunk name importId state verdict rows outcomes annotations refusedAnnotations attempts cutAt "
        "submittedAt settledAt why account as undoneAt undoing defect stuckAt",
    ),
    (AtLabelbox(), "shownToLabelers ours namedLikeOurs notOurs complete"),
    (
        ReportedRow("p", {}, "m", "line 1"),
        "projectId dataRow messageId where publishedAt outcome reason details import row file",
    ),
    (
        STATUS,
        "projectId published pending imported superseded skipped dead discarded waiting chunks oldestWaitingSeconds "
        "deadReasons paused pausedUntil newer openMost retrying retryingQueued nextRetryAt undone "
        "overridden addedAgain deadByPolicy stuckChunks pauseCause purging purgingSince chunksWait dataRowForms",
    ),
    (
        WorkerStatus("w", "h", 1, "0.1.0", 2, 0.5),
        "name host pid version role concurrency seenSecondsAgo busySeconds stalledSeconds requestsPerMinute "
        "requestBurst identity",
    ),
    (
        Fault(1, "line 1", "", Reason.UNKNOWN_FEATURE, "x", "y", "t"),
        "line where path reason found expected hint projectId dataRow messageId",
    ),
    (
        Refusal("line 1", "x", Reason.UNKNOWN_FEATURE),
        "line where path reason found expected hint projectId dataRow messageId",
    ),
    (Report(), "lines valid invalid byReason projects errors"),
    (ProjectCount("p"), "projectId messages invalid"),
    (NoRow(1, "", "w"), "line globalKey reason"),
    (ONTOLOGY, "id name mediaType createdAt tools classifications"),
]

NOT_OURS = {"Ontology.created_at"}  # Labelbox's own text, as it came


class Shape(StrEnum):
    BOX = "box"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Part(JsonRecord):
    part_id: str


@dataclass(slots=True)
class Whole(JsonRecord):
    json_names: ClassVar = {"weight": "rows"}

    whole_id: str
    weight: int
    shape: Shape = Shape.BOX
    parts: tuple[Part, ...] = ()
    message: bytes = b"\xff{}"
    by_shape: Counter[Shape] = field(default_factory=Counter)
    nothing: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen(JsonRecord):
    json_fields = ("row_id", "is_known")

    secret: str
    row_id: int

    @property
    def is_known(self) -> bool:
        return self.row_id > 0


def test_all_fields_are_shown_in_order_and_in_camel_case() -> None:
    whole = Whole("w", 3, parts=(Part("a"), Part("b")), by_shape=Counter({Shape.BOX: 1, Shape.LINE: 2}))
    assert list(whole.as_json().items()) == [
        ("wholeId", "w"),
        ("rows", 3),
        ("shape", "box"),
        ("parts", [{"partId": "a"}, {"partId": "b"}]),
        ("message", "�{}"),
        ("byShape", {"line": 2, "box": 1}),
        ("nothing", None),
    ]


def test_a_record_chooses_its_fields_and_shows_properties() -> None:
    assert list(Chosen("s", 1).as_json().items()) == [("rowId", 1), ("isKnown", True)]
    assert Chosen("s", 1).as_json("row_id") == {"rowId": 1}


@pytest.mark.parametrize(("record", "names"), DOCUMENTED, ids=[type(record).__name__ for record, _ in DOCUMENTED])
def test_the_names_of_a_record_and_their_order_stay(record: JsonRecord, names: str) -> None:
    assert list(record.as_json()) == names.split()


def test_every_record_is_in_the_table() -> None:
    # By name, since a dataclass with slots is made twice.
    ours = {kind.__qualname__ for kind in JsonRecord.__subclasses__() if kind.__module__.startswith("prelabel_worker.")}
    assert ours == {type(record).__qualname__ for record, _ in DOCUMENTED}


def test_values_are_as_commands_print_them() -> None:
    dead_letter = DEAD_LETTER.as_json()
    assert (dead_letter["message"], dead_letter["messageBase64"], dead_letter["rows"]) == ("�", "/w==", 1)
    assert Finding(Check.CLOCK, Level.OK, "x").as_json()["check"] == "clock"
    assert NoRow(1, "", "w").as_json() == {"line": 1, "globalKey": None, "reason": "w"}
    assert Stop("paused", "w", 1.0).as_json()["fingerprint"] is None
    assert AccountStatus("a", stops=(Stop("paused", "w", 1.0),)).as_json()["stops"][0]["kind"] == "paused"
    assert ReportedRow("p", {}, "m", "line 1").as_json()["publishedAt"] is None
    assert list(ONTOLOGY.as_json(*WITH_FEATURES)) == ["id", "name", "mediaType", "createdAt", "normalized"]


@pytest.mark.parametrize("record", [record for record, _ in DOCUMENTED], ids=lambda record: type(record).__name__)
def test_what_a_record_shows_as_a_time_is_declared_as_one(record: JsonRecord) -> None:
    kind = type(record)
    hints = get_type_hints(kind)
    names = record.json_fields or tuple(record.__dataclass_fields__)
    for name in names:
        shown = kind.json_names.get(name) or camel_case(name)
        assert not re.search(r"(Ms|Millis|Minutes|Timestamp)$", shown), f"{shown}: durations are in …Seconds"
        if re.search(r"(^at|At|^until|Until|^since|Since)$", shown) and f"{kind.__name__}.{name}" not in NOT_OURS:
            is_property = isinstance(getattr(kind, name, None), property)
            hint = get_type_hints(getattr(kind, name).fget)["return"] if is_property else hints[name]
            assert UnixTime in (hint, *get_args(hint)), f"{kind.__name__}.{name}: expected UnixTime, found {hint}"
