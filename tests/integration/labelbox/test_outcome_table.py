"""The thirty symptoms of docs/reference/labelbox-api.md#4-3, each produced over HTTP, with outcome and effect."""

from collections.abc import Callable
from datetime import UTC, datetime

import orjson
import pytest

from prelabel_worker.accounts.status import Accounts
from prelabel_worker.labelbox.retry_policy import FEW
from tests.support.rig import MakeRig, Rig

Symptom = Callable[[Rig], None]
TABLE: dict[int, Symptom] = {}
NOWHERE = "http://127.0.0.1:1/graphql"
DAY = 24 * 3600


def symptom(number: int) -> Callable[[Symptom], Symptom]:
    def add(play: Symptom) -> Symptom:
        TABLE[number] = play
        return play

    return add


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    found = make_rig()
    found.warm()
    return found


def test_no_symptom_of_the_reference_is_left_out() -> None:
    assert sorted(TABLE) == list(range(1, 31))


def imported(rig: Rig, *row_keys: str, creates: int) -> None:
    """Assert that all rows are imported, each once, by this number of uploads."""
    status = rig.settle()
    assert (status.imported, status.dead) == (1 + len(row_keys), 0)
    assert rig.pre_labels() == sorted(["warm", *row_keys])
    assert rig.creates() == 1 + creates


def waits_until_fixed(rig: Rig, *row_keys: str, creates: int) -> None:
    """Nothing is lost by the pause, and it continues by itself once the cause is gone."""
    assert rig.status().pending == len(row_keys)
    rig.fix()
    imported(rig, *row_keys, creates=creates)


@symptom(1)
def connection_refused(rig: Rig) -> None:
    rig.connect(NOWHERE)
    rig.publish("a")
    rig.run(lambda: len(rig.decisions()) >= 2, "two attempts")

    assert set(rig.decisions()) == {("Unavailable", "later")}
    assert rig.fields()["state"] == "waiting"  # it never arrived: nothing to look up
    rig.connect(rig.settings.labelbox_endpoint)
    imported(rig, "a", creates=1)


@symptom(2)
def connection_dropped_after_a_create(rig: Rig) -> None:
    rig.fault("accept-then-time-out", cut=True)
    rig.publish("a")

    imported(rig, "a", creates=1)
    assert rig.decisions() == [("OutcomeUnknown", "look_up")]
    assert len(rig.events("import.adopted")) == 1


@symptom(3)
def time_out_of_a_create(rig: Rig) -> None:
    rig.fault("accept-then-time-out", hold=3)
    rig.publish("a")

    imported(rig, "a", creates=1)
    assert rig.decisions() == [("OutcomeUnknown", "look_up")]
    assert len(rig.events("import.adopted")) == 1


@symptom(4)
def time_out_of_a_query(rig: Rig) -> None:
    rig.fault("latency", latency=1, operations="query")
    rig.publish("a")

    imported(rig, "a", creates=1)
    assert rig.decisions() == [("Unavailable", "later")]


@symptom(5)
def server_error_on_a_query(rig: Rig) -> None:
    rig.fault("status", status=520, operations="query", times=2)
    rig.publish("a")

    imported(rig, "a", creates=1)
    assert rig.decisions() == [("Unavailable", "later")] * 2


@symptom(6)
def server_error_on_a_create_that_stays(rig: Rig) -> None:
    rig.fault("502", operations="create", times=FEW)
    rig.publish("a", "b")

    imported(rig, "a", "b", creates=FEW + 2)  # the halves are smaller
    assert rig.decisions() == [("OutcomeUnknown", "look_up")] * FEW


@symptom(7)
def server_error_that_says_when_to_come_back(rig: Rig) -> None:
    rig.fault("503", retryAfter=30, operations="create")
    rig.publish("a")
    rig.run(rig.account_paused, "the account to pause")

    assert rig.decisions() == [("OutcomeUnknown", "pause")]
    assert rig.fields()["state"] == "uncertain"
    assert rig.fields()["failures"] == "0"
    waits_until_fixed(rig, "a", creates=2)


@symptom(8)
def too_many_requests(rig: Rig) -> None:
    rig.fault("429", status=200, retryAfter=None, operations="create")
    rig.publish("a")
    rig.run(rig.account_paused, "the account to pause")

    assert rig.decisions() == [("Throttled", "pause")]
    assert rig.fields()["failures"] == "0"
    waits_until_fixed(rig, "a", creates=2)


@symptom(9)
def too_many_requests_in_plain_text(rig: Rig) -> None:
    rig.fault("status", status=429, operations="create")
    rig.publish("a")
    rig.run(rig.account_paused, "the account to pause")

    assert rig.decisions() == [("Throttled", "pause")]
    waits_until_fixed(rig, "a", creates=2)


@symptom(10)
def too_many_requests_within_an_internal_error(rig: Rig) -> None:
    rig.fault("graphql-error", exceptionStatus=429, operations="create")
    rig.publish("a")
    rig.run(rig.account_paused, "the account to pause")

    assert rig.decisions() == [("Throttled", "pause")]
    waits_until_fixed(rig, "a", creates=2)


@symptom(11)
def key_refused(rig: Rig) -> None:
    rig.fault("status", status=401, operations="create")
    rig.publish("a")
    rig.run(rig.account_paused, "the account to pause")

    assert rig.decisions() == [("Unauthorized", "pause")]
    assert len(rig.events("uploads.paused")) == 1
    waits_until_fixed(rig, "a", creates=2)


@symptom(12)
def no_right_to_the_project(rig: Rig) -> None:
    rig.fault("graphql-error", code="AUTHORIZATION_ERROR", operations="create")
    rig.publish("a")
    rig.run(rig.project_paused, "the project to pause")

    assert rig.decisions() == [("Forbidden", "pause")]
    assert not rig.account_paused()
    waits_until_fixed(rig, "a", creates=2)


@symptom(13)
def blocked_by_the_edge(rig: Rig) -> None:
    rig.fault("403-html", times=2, operations="create")
    rig.publish("a")
    rig.run(rig.account_paused, "the account to pause")

    assert rig.decisions() == [("Blocked", "later"), ("Blocked", "pause")]
    assert len(rig.events("uploads.paused")) == 1
    waits_until_fixed(rig, "a", creates=3)


@symptom(14)
def body_too_large(rig: Rig) -> None:
    rig.fault("413", times=3)
    rig.publish("a", "b", "c", "d")

    status = rig.settle()

    # Who is refused before all is read may see the connection close instead of the answer.
    assert set(rig.decisions()) - {("OutcomeUnknown", "look_up")} == {("TooLarge", "split")}
    assert (status.imported, status.dead) == (5, 0)
    rig.fault("413", seconds=60)
    rig.publish("huge")
    assert rig.settle().dead_reasons == {"message-too-large": 1}
    assert not rig.project_paused()


@symptom(15)
def account_limit(rig: Rig) -> None:
    rig.fault("graphql-error", exceptionStatus=426, operations="create")
    rig.publish("a")
    rig.run(rig.account_paused, "the account to pause")

    assert rig.decisions() == [("AccountLimit", "pause")]
    waits_until_fixed(rig, "a", creates=2)


@symptom(16)
def project_gone(rig: Rig) -> None:
    rig.fault("graphql-error", code="RESOURCE_NOT_FOUND", operations="create")
    rig.publish("a")
    rig.run(rig.project_paused, "the project to pause")

    assert rig.decisions() == [("ProjectGone", "pause")]
    assert not rig.account_paused()
    waits_until_fixed(rig, "a", creates=2)


@symptom(17)
def look_up_finds_nothing(rig: Rig) -> None:
    rig.fault("reset")
    rig.publish("a")

    imported(rig, "a", creates=2)
    assert rig.decisions() == [("OutcomeUnknown", "look_up")]  # the look-up itself is no failure
    assert not rig.events("import.adopted")


@symptom(18)
def name_exists(rig: Rig) -> None:
    rig.fault("stuck-running", seconds=60)
    rig.publish("a")
    rig.run(rig.runs, "the import to run")
    # As if its acceptance had never been noted.
    rig.client.hset(
        f"{rig.project.root}:chunk:{rig.chunks()[0]}", mapping={"state": "waiting", "due": 1, "importId": ""}
    )
    rig.run(lambda: rig.events("import.adopted"), "the import to be adopted")

    assert rig.decisions() == [("Conflict", "look_up")]
    rig.fix()
    imported(rig, "a", creates=2)


@symptom(19)
def file_refused(rig: Rig) -> None:
    rig.fault("graphql-error", exceptionStatus=422, operations="create", times=2)
    rig.publish("a", "b")

    status = rig.settle()

    assert rig.decisions() == [("Refused", "split")] * 2
    assert (status.imported, status.dead_reasons) == (2, {"file-refused": 1})


@symptom(20)
def query_refused(rig: Rig) -> None:
    rig.fault("graphql-error", code="GRAPHQL_VALIDATION_FAILED", operations="create")
    rig.publish("a")
    rig.run(rig.account_paused, "the account to pause")

    assert rig.decisions() == [("QueryRefused", "pause")]
    waits_until_fixed(rig, "a", creates=2)


@symptom(21)
def an_answer_that_is_none(rig: Rig) -> None:
    rig.fault("not-json", operations="create", times=FEW)
    rig.fault("null-data", operations="create", times=1)
    rig.publish("a", "b")
    rig.run(rig.account_paused, "the account to pause")

    assert rig.decisions() == [("Garbled", "look_up")] * FEW + [("Garbled", "pause")]
    assert len(rig.events("uploads.paused")) == 1
    assert rig.fields()["state"] == "uncertain"
    waits_until_fixed(rig, "a", "b", creates=FEW + 2)  # not cut in two


@symptom(22)
def internal_error_that_stays(rig: Rig) -> None:
    rig.fault("graphql-error", exceptionStatus=500, operations="create", seconds=60)
    rig.publish("a")

    status = rig.settle()

    assert rig.decisions() == [("OutcomeUnknown", "look_up")] * FEW
    assert status.dead_reasons == {"upload-failed": 1}
    assert rig.dead_letter().import_name.startswith("prelabel-")


@symptom(23)
def import_failed(rig: Rig) -> None:
    rig.fault("failed-import", seconds=60, match='"said"', message="it broke")
    rig.fault("failed-import", seconds=60, match='"unsaid"', errorFile=False)
    rig.publish("a", "said", "b", "unsaid", "c")

    status = rig.settle()

    assert (status.imported, status.dead_reasons) == (4, {"import-failed": 2})
    dead_letters = {each.data_row: each.details["errors"] for each in rig.project.held.dead_letters(rig.project.id)}
    assert "it broke" in dead_letters["k:said"][0]["message"]
    assert dead_letters["k:unsaid"] == []


@symptom(24)
def running_for_ever_or_deleted(rig: Rig) -> None:
    rig.fault("stuck-running", seconds=60)
    rig.publish("late")
    rig.run(rig.runs, "the import to run")
    rig.age(rig.settings.import_deadline_seconds + 1)
    assert rig.settle().dead_reasons == {"import-timeout": 1}
    assert len(rig.events("import.overdue")) == 1

    rig.publish("deleted")
    rig.run(rig.runs, "the import to run")
    delete = "mutation D($id: ID!) { deleteModelAssistedLabelingPredictionImport(where: {id: $id}) { id } }"
    rig.sandbox.ask(delete, id=rig.fields()["importId"])
    assert rig.settle().dead_reasons == {"import-timeout": 1, "import-lost": 1}
    assert len(rig.events("import.lost")) == 1
    rig.sandbox.control("DELETE", "/faults")
    rig.publish("next")
    assert rig.settle().imported == 2  # nothing is blocked


@symptom(25)
def a_line_fails(rig: Rig) -> None:
    rig.fault("row-failure", match="spoilt", error="GeometryInvalid", seconds=60)
    rig.publish("a", "spoilt", "b")

    status = rig.settle()

    assert (status.imported, status.dead_reasons) == (3, {"refused": 1})
    assert rig.dead_letter().details["errors"][0]["name"] == "GeometryInvalid"


@symptom(26)
def the_data_row_is_not_in_the_project(rig: Rig) -> None:
    rig.fault("row-failure", match="new", error="DataRowNotFound", seconds=60)
    rig.publish("a", "new", "b")
    rig.run(lambda: rig.status().imported == 3, "the others to be imported")

    (state,) = rig.client.hvals(f"{rig.project.root}:held")
    assert orjson.loads(state)["reason"] == "data-row-not-found"


@symptom(27)
def lines_are_missing(rig: Rig) -> None:
    rig.fault("lost-status-lines", every=1)
    rig.publish("a", "b")
    imported(rig, "a", "b", creates=2)

    rig.fault("lost-status-lines", every=1, seconds=60)
    rig.publish("c")
    assert rig.settle().dead_reasons == {"no-verdict": 1}
    assert rig.dead_letter().attempts == 2


@symptom(28)
def a_file_is_gone(rig: Rig) -> None:
    rig.fault("file-status", status=403)
    rig.publish("a")
    imported(rig, "a", creates=1)

    rig.fault("file-status", status=404, seconds=60)
    rig.publish("b")
    rig.run(rig.runs, "the import to run")
    rig.sandbox.ended(rig.project.id, rig.fields()["name"])  # one that ran for a day would be overdue
    rig.age(DAY)
    rig.run(lambda: rig.events("verdicts.lost"), "the verdicts to be lost")
    rig.fix()
    imported(rig, "a", "b", creates=3)


@symptom(29)
def a_file_cannot_be_read(rig: Rig) -> None:
    rig.fault("file-status", status=500)
    rig.fault("file-status", cut=True)
    rig.publish("a", "b")

    imported(rig, "a", "b", creates=1)


@symptom(30)
def a_state_that_nobody_knows(rig: Rig) -> None:
    rig.fault("odd-state", state="THINKING", times=3)
    rig.publish("a")

    imported(rig, "a", creates=1)
    (event,) = rig.events("import.odd_state")
    assert event["state"] == "THINKING"


@pytest.mark.parametrize(
    "number", sorted(TABLE), ids=[f"{number:02}-{TABLE[number].__name__}" for number in sorted(TABLE)]
)
def test_each_symptom_has_the_outcome_and_effect_of_the_table(rig: Rig, number: int) -> None:
    TABLE[number](rig)


def test_a_spent_allowance_stops_the_account_until_next_month_in_labelboxs_words(rig: Rig) -> None:
    rig.fault("allowance-spent", times=1)
    rig.publish("a")
    rig.run(rig.account_paused, "the account to pause")

    (stop,) = Accounts(rig.client, rig.settings).stops(rig.settings.account)
    assert stop.why.endswith("says Labelbox: Your organization has used all LBUs of its plan for this month")
    ends = datetime.fromtimestamp(round(stop.until), UTC)
    assert (ends.day, ends.hour, ends.minute, ends.second) == (1, 0, 0, 0)
    assert not any("LBUs" in str(entry) for entry in rig.logs)
    assert rig.decisions() == [("AllowanceSpent", "pause")]
    waits_until_fixed(rig, "a", creates=2)
