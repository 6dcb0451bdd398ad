"""How a project's messages may name their data rows: by id or by global key, as its imported rows do, or both."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from prelabel.publishing.buffer import Row
from prelabel.wire.lanes import lane_of
from prelabel_worker.queries.imports import Imports, ImportStatus
from tests.support.command import Command, command_of
from tests.support.rig import TOOLS, Rig
from tests.support.undoing import undo


@pytest.fixture
def prelabel(rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return command_of(rig.settings, monkeypatch, tmp_path, capsys)


def message(rig: Rig, form: str, value: str, name: str = "car") -> dict[str, Any]:
    box = {"top": 1, "left": 1, "height": 3, "width": 4}
    return {
        "projectId": rig.project.id,
        "messageId": f"{form} {value}",
        "dataRow": {form: value},
        "annotations": [{"name": name, "bbox": box}],
    }


def publish(rig: Rig, *messages: dict[str, Any]) -> None:
    keys = [f"{'i' if 'id' in each['dataRow'] else 'k'}:{next(iter(each['dataRow'].values()))}" for each in messages]
    rig.project.publish(*(Row(key, orjson.dumps(each), 0) for key, each in zip(keys, messages, strict=True)))


def by_key(rig: Rig, value: str = "a", **more: str) -> dict[str, Any]:
    return message(rig, "globalKey", value, **more)


def by_id(rig: Rig, value: str = "c1", **more: str) -> dict[str, Any]:
    return message(rig, "id", value, **more)


def reasons(rig: Rig) -> list[tuple[str, str]]:
    """Return data row and reason of each dead letter."""
    return sorted((each.data_row, each.reason) for each in rig.project.held.dead_letters(rig.project.id))


def settled(rig: Rig) -> list[ImportStatus]:
    return [each for each in Imports(rig.client, rig.settings.key_prefix).settled(rig.project.id) if each.imported]


def set_forms(rig: Rig, prelabel: Command, value: str) -> None:
    assert prelabel("project", "set", rig.project.id, "--data-row-forms", value).code == 0


def test_a_first_message_that_dies_decides_nothing(rig: Rig) -> None:
    publish(rig, by_id(rig, "typo", name="nosuch"))
    assert rig.settle().dead == 1
    publish(rig, by_key(rig, "a"), by_key(rig, "b"))

    assert (rig.settle().imported, reasons(rig)) == (2, [("i:typo", "unknown-feature")])


def test_a_row_that_waits_for_its_data_row_decides_nothing(rig: Rig) -> None:
    rig.sandbox.project(rig.project.id, TOOLS, rows=[{"globalKey": "a"}])
    publish(rig, by_id(rig, "typo"), by_key(rig, "a"))
    rig.run(lambda: rig.status().imported == 1 and rig.status().retrying == 1, "an import and a row that is retried")

    rig.pass_time()
    rig.project.held.retry_now(rig.project.id)
    assert rig.settle().dead == 1
    assert reasons(rig) == [("i:typo", "data-row-form")]  # now a row by global key is imported


def test_imported_rows_decide_and_the_error_names_the_command_that_permits_both(rig: Rig, prelabel: Command) -> None:
    publish(rig, by_key(rig))
    assert rig.settle().data_row_forms == ["globalKey"]
    publish(rig, by_id(rig))

    assert (rig.settle().dead, reasons(rig)) == (1, [("i:c1", "data-row-form")])
    command = f"prelabel project set {rig.project.id} --data-row-forms both"
    assert command in prelabel("dead", "show", rig.dead_letter().id, "--project", rig.project.id).out
    assert "data rows named by: globalKey\n" in prelabel("project", "show", rig.project.id).out


def test_with_both_forms_a_retried_row_is_imported_and_the_setting_can_be_taken_back(
    rig: Rig, prelabel: Command
) -> None:
    publish(rig, by_key(rig))
    rig.settle()
    publish(rig, by_id(rig), by_id(rig, "c2"))
    rig.settle()
    first, second = sorted(rig.project.held.dead_letters(rig.project.id), key=lambda each: each.data_row)

    done = prelabel("project", "set", rig.project.id, "--data-row-forms", "both", "--json")
    assert done.json == {"projectId": rig.project.id, "overrides": {"data-row-forms": "both"}}
    assert "counts as two" in done.err
    assert "set: data-row-forms: both" in prelabel("project", "show", rig.project.id).out
    (action,) = prelabel("actions", "--project", rig.project.id, "--json").json["actions"]
    assert (action["action"], action["details"]) == ("set", {"data-row-forms": "both"})

    set_forms(rig, prelabel, "default")
    rig.project.held.retry(rig.project.id, [first.id])
    assert rig.settle().dead == 2
    set_forms(rig, prelabel, "both")
    rig.project.held.retry(rig.project.id, [first.id])
    status = rig.settle()
    assert (status.imported, status.dead, status.data_row_forms) == (2, 1, ["id", "globalKey"])
    assert len(rig.events("project.both_forms")) == 1

    set_forms(rig, prelabel, "global-key")  # by default, imported rows of both forms now permit both
    rig.project.held.retry(rig.project.id, [second.id])
    assert rig.settle().dead == 1


def test_a_form_can_be_set_before_the_first_row(rig: Rig, prelabel: Command) -> None:
    set_forms(rig, prelabel, "id")
    publish(rig, by_key(rig), by_id(rig))

    assert (rig.settle().imported, reasons(rig)) == (1, [("k:a", "data-row-form")])


def test_what_is_no_form_is_refused(rig: Rig, prelabel: Command) -> None:
    done = prelabel("project", "set", rig.project.id, "--data-row-forms", "ik")

    assert done.code == 2
    assert "--data-row-forms: expected both, id or global-key, or default, found 'ik'" in done.err


def test_rows_of_both_forms_that_are_imported_together_permit_both_from_then_on(rig: Rig, prelabel: Command) -> None:
    publish(rig, by_key(rig), by_id(rig))
    assert rig.settle().imported == 2
    publish(rig, by_key(rig), by_id(rig), by_id(rig, "c2"))

    status = rig.settle()
    assert (status.imported, status.overridden, status.data_row_forms) == (5, 2, ["id", "globalKey"])
    assert len(rig.events("project.both_forms")) == 1
    shown = prelabel("project", "show", rig.project.id).out
    assert "data rows named by: id and globalKey: a data row that is named in both ways counts as two" in shown


def test_two_imports_in_flight_before_anything_is_imported_both_count(rig: Rig) -> None:
    rig.warm()
    undo(rig, *settled(rig))  # so that nothing is imported, while the ontology is cached
    rig.fault("stuck-running", times=2, seconds=60)
    publish(rig, by_key(rig))
    rig.run(rig.runs, "the first import to run")
    other = next(f"c{at}" for at in range(99) if lane_of(f"i:c{at}", 16) != lane_of("k:a", 16))
    publish(rig, by_id(rig, other))
    rig.run(lambda: rig.status().chunks == {"running": 2}, "the second import to run")
    publish(rig, by_key(rig, "b"), by_id(rig, f"{other}x"))

    rig.fix()
    status = rig.settle()
    assert (status.imported, status.dead, status.data_row_forms) == (4, 0, ["id", "globalKey"])
    assert len(rig.events("project.both_forms")) == 1


def test_undone_imports_decide_nothing_any_more(rig: Rig) -> None:
    publish(rig, by_id(rig))
    rig.settle()
    undo(rig, *settled(rig))
    assert rig.project.status().data_row_forms == []
    publish(rig, by_key(rig))

    status = rig.settle()
    assert (status.imported, status.dead, status.data_row_forms) == (1, 0, ["globalKey"])


@pytest.mark.parametrize(
    ("before", "setting"),
    [
        ([], "default"),
        (["globalKey"], "default"),
        (["id"], "default"),
        (["globalKey", "id"], "default"),
        (["id"], "both"),
        (["globalKey"], "id"),
        ([], "global-key"),
    ],
)
def test_validate_and_workers_say_the_same(rig: Rig, prelabel: Command, before: list[str], setting: str) -> None:
    if before:
        publish(rig, *(message(rig, form, "before") for form in before))
        rig.settle()
    if setting != "default":
        set_forms(rig, prelabel, setting)
    both = [by_key(rig), by_id(rig)]
    Path("both.ndjson").write_bytes(b"\n".join(map(orjson.dumps, both)))

    checked = prelabel("validate", "both.ndjson", "--project", rig.project.id, "--json")
    publish(rig, *both)
    rig.settle()

    refused = [(each["dataRow"], each["reason"]) for each in checked.json["errors"]]
    dead = [
        (orjson.loads(each.message)["dataRow"], each.reason) for each in rig.project.held.dead_letters(rig.project.id)
    ]
    assert refused == dead
    assert ("by id and by global key" in checked.err) == (setting == "default" and not before)
