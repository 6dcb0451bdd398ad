"""Rows that come before their data rows: retried by themselves or by an operator's word, never over newer ones."""

import json
from pathlib import Path

from prelabel.wire.keys import DEFAULT_PREFIX, project_root
from tests.support.flow import Flow, box, run_in
from tests.support.waiting import wait_for


def prelabel(flow: Flow, tmp_path: Path, *args: str) -> "tuple[int, str]":
    done = run_in(tmp_path, *args, "--redis-url", flow.stack.file.redis_url)
    return done.returncode, done.stdout + done.stderr


def are_retrying(flow: Flow, rows: int) -> None:
    wait_for(lambda: flow.status().retrying == rows == flow.status().pending, f"{rows} rows to retry")


def retry_later(flow: Flow, rows: int) -> None:
    """Wait until `rows` rows are retrying and none is being tried, and prevent a try before the test acts."""
    key = f"{project_root(DEFAULT_PREFIX, flow.project)}:retrying"

    def put_off() -> bool:
        later = dict.fromkeys(flow.client.zrange(key, 0, -1), flow.held.now_ms() + 3_600_000)
        if later:
            flow.client.zadd(key, later, xx=True)
        return bool(flow.client.zcard(key) == rows)

    wait_for(put_off, f"{rows} rows to retry and not to be tried")
    are_retrying(flow, rows)


def test_a_row_that_comes_before_its_data_row_is_imported_by_itself(flow: Flow) -> None:
    flow.create(["other"])
    flow.publish(box("late", project=flow.project), box("other", project=flow.project))
    are_retrying(flow, 1)
    assert [line["dataRow"]["globalKey"] for line in flow.pre_labels()] == ["other"]

    flow.create(["other", "late"])

    status = flow.settled()
    assert (status.imported, status.dead, status.retrying) == (2, 0, 0)
    assert len(flow.pre_labels()) == 2


def test_an_operator_sees_retrying_rows_and_tries_them_when_the_data_rows_are_there(flow: Flow, tmp_path: Path) -> None:
    flow.create(["other"])
    flow.publish(box("late", project=flow.project, messageId="m-late"))
    retry_later(flow, 1)

    assert "1 retry" in prelabel(flow, tmp_path, "status", "--project", flow.project)[1]
    code, said = prelabel(flow, tmp_path, "wait", "--no-retrying", "--project", flow.project)
    assert (code, "only retrying rows remain, 1:" in said) == (3, True)
    code, said = prelabel(flow, tmp_path, "row", "show", "late", "--project", flow.project)
    assert "held: data-row-not-found" in said
    assert ": retrying since" in said
    flow.create(["other", "late"])
    prelabel(flow, tmp_path, "project", "retry", flow.project)

    assert flow.settled().imported == 1
    assert prelabel(flow, tmp_path, "project", "retry", flow.project)[0] == 3


def test_retrying_rows_that_are_given_up_are_dead_letters(flow: Flow, tmp_path: Path) -> None:
    flow.create(["other"])
    flow.publish(box("never", project=flow.project))
    retry_later(flow, 1)

    assert prelabel(flow, tmp_path, "project", "retry", flow.project, "--give-up")[0] == 0

    assert flow.settled().dead_reasons == {"data-row-not-found": 1}
    (dead_letter,) = flow.held.dead_letters(flow.project)
    assert json.loads(dead_letter.message)["dataRow"] == {"globalKey": "never"}


def test_a_retrying_row_is_superseded_by_a_newer_one_of_its_model_and_not_by_another_model(flow: Flow) -> None:
    flow.create(["other"])
    flow.publish(
        box("a", project=flow.project, left=1, messageId="old"),
        box("a", project=flow.project, left=5, model="n"),
    )
    retry_later(flow, 2)
    flow.create(["other", "a"])
    flow.publish(box("a", project=flow.project, left=2))
    wait_for(lambda: flow.status().superseded == 1, "the older row to be superseded")
    flow.held.retry_now(flow.project)

    status = flow.settled()

    assert (status.imported, status.superseded, status.dead) == (2, 1, 0)
    assert sorted(line["bbox"]["left"] for line in flow.pre_labels()) == [2, 5]


def test_a_retrying_row_of_a_data_row_that_was_imported_meanwhile_ends_superseded_under_skip(flow: Flow) -> None:
    """The newer row supersedes it; the policy applies only to rows that still exist."""
    flow.override(policy="skip")
    flow.create(["other"])
    flow.publish(box("a", project=flow.project, left=1))
    retry_later(flow, 1)
    flow.create(["other", "a"])
    flow.publish(box("a", project=flow.project, left=2))

    status = flow.settled()

    assert (status.imported, status.superseded, status.skipped) == (1, 1, 0)
    flow.publish(box("a", project=flow.project, left=3))
    assert flow.settled().skipped == 1
    assert [line["bbox"]["left"] for line in flow.pre_labels()] == [2]
