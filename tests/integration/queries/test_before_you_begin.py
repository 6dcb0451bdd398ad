"""Rows that had pre-labels already: ours are counted, imports of others are reported by name."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from prelabel.publishing.buffer import Row
from prelabel_worker.chunks.imported_rows import EXACT_ROWS
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries import remote_imports
from prelabel_worker.queries.status import ProjectStatus
from tests.support.command import Command, command_of
from tests.support.media_examples import ONTOLOGY
from tests.support.rig import TOOLS, Rig


@pytest.fixture
def prelabel(rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return command_of(rig.settings, monkeypatch, tmp_path, capsys)


def bring(rig: Rig, *row_keys: str, model: str = "m", left: int = 1) -> ProjectStatus:
    """Import a box on each of these data rows."""
    box = {"name": "car", "bbox": {"top": 1, "left": left, "height": 3, "width": 4}}
    for key in row_keys:
        body = {"projectId": rig.project.id, "dataRow": {"globalKey": key}, "model": {"name": model}}
        rig.project.publish(Row(f"k:{key}", orjson.dumps(body | {"annotations": [box]}), 0))
    return rig.settle()


def set_policy(rig: Rig, policy: str) -> None:
    Projects(rig.client, rig.settings.key_prefix).override(rig.project.id, {"policy": policy})


def counts(status: ProjectStatus) -> tuple[int, int, int]:
    return status.overridden, status.skipped, status.dead_by_policy


# -- from here


def test_rows_that_are_imported_over_an_earlier_one_are_counted(rig: Rig) -> None:
    assert counts(bring(rig, "a", "b", "c")) == (0, 0, 0)
    assert counts(bring(rig, "a", "b", left=2)) == (2, 0, 0)
    assert counts(bring(rig, "d", "a")) == (3, 0, 0)


def test_another_model_overrides_nothing(rig: Rig) -> None:
    bring(rig, "a")

    assert bring(rig, "a", model="another").overridden == 0


def test_what_the_policy_skips_is_counted_and_overrides_nothing(rig: Rig) -> None:
    set_policy(rig, "skip")
    bring(rig, "a", "b")

    assert counts(bring(rig, "a", "c")) == (0, 1, 0)


def test_what_the_policy_makes_dead_letters_of_is_counted_once_whatever_becomes_of_them(rig: Rig) -> None:
    set_policy(rig, "dead-letter")
    bring(rig, "a", "b")
    assert counts(bring(rig, "a", "b", "c")) == (0, 0, 2)
    first, second = (dead_letter.id for dead_letter in rig.project.held.dead_letters(rig.project.id))

    rig.project.held.retry(rig.project.id, [first])
    assert counts(rig.settle()) == (0, 0, 2)  # refused again
    rig.project.held.discard(rig.project.id, [second])
    assert counts(rig.project.status()) == (0, 0, 2)


def test_the_command_tells_what_became_of_them(rig: Rig, prelabel: Command) -> None:
    bring(rig, "a", "b")
    assert "had pre-labels" not in prelabel("project", "show", rig.project.id).out
    bring(rig, "a")

    assert "had pre-labels from here: 1 overridden" in prelabel("project", "show", rig.project.id).out
    (found,) = prelabel("status", "--project", rig.project.id, "--json").json["projects"]
    assert (found["overridden"], found["skipped"], found["deadByPolicy"]) == (1, 0, 0)


def test_the_command_says_that_a_number_counted_from_a_sample_is_an_estimate(rig: Rig, prelabel: Command) -> None:
    bring(rig, "a")
    rig.client.hset(f"{rig.project.root}:counts", "imported", EXACT_ROWS + 1)
    rig.client.hset(f"{rig.project.root}:meta", "overridden", 32)

    assert "had pre-labels from here: about 32 overridden" in prelabel("project", "show", rig.project.id).out


# -- what cannot be overridden


def speech(rig: Rig, *row_keys: str, spans: int = 1, remark: bool = False, **more: Any) -> ProjectStatus:
    """Import answers with time ranges on audio, and with `remark` an answer about the whole of it."""
    frames = [{"start": 500 + at, "end": 1500} for at in range(spans)]
    annotations: list[Any] = [
        {"name": "speaker", "answer": [{"name": "tower", "frames": [each]}], **more} for each in frames
    ]
    annotations += [{"name": "remark", "answer": "clipped"}] if remark else []
    for key in row_keys:
        body = {"projectId": rig.project.id, "dataRow": {"globalKey": key}, "annotations": annotations}
        rig.project.publish(Row(f"k:{key}", orjson.dumps(body), 0))
    return rig.settle()


@pytest.fixture
def audio(rig: Rig) -> Rig:
    rig.sandbox.project(rig.project.id, ONTOLOGY, mediaType="AUDIO")
    return rig


def test_answers_with_time_ranges_in_audio_are_added_again_and_count_apart(audio: Rig) -> None:
    first = speech(audio, "a", "b")
    assert (first.added_again, first.overridden) == (0, 0)

    again = speech(audio, "a", "c", spans=2)

    assert (again.added_again, again.overridden, again.imported) == (1, 0, 4)
    assert audio.pre_labels() == ["a", "a", "a", "b", "c", "c"]  # what was there stays


def test_a_row_counts_as_added_again_if_any_of_its_lines_cannot_override(audio: Rig) -> None:
    speech(audio, "a", remark=True)
    assert audio.pre_labels() == ["a", "a"]

    again = speech(audio, "a", remark=True)

    assert (again.added_again, again.overridden) == (1, 0)
    assert audio.pre_labels() == ["a", "a", "a"]


def test_audio_answers_without_time_ranges_override(audio: Rig) -> None:
    speech(audio, "a", spans=0, remark=True)
    again = speech(audio, "a", spans=0, remark=True)

    assert (again.added_again, again.overridden, audio.pre_labels()) == (0, 1, ["a"])


def test_audio_answers_with_uuids_of_their_producer_override(audio: Rig) -> None:
    uuid = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101"
    speech(audio, "a", uuid=uuid)
    again = speech(audio, "a", uuid=uuid)

    assert (again.added_again, again.overridden, audio.pre_labels()) == (0, 1, ["a"])


def test_with_the_policy_skip_nothing_is_added_again(audio: Rig) -> None:
    set_policy(audio, "skip")
    speech(audio, "a")
    again = speech(audio, "a", "b")

    assert (again.added_again, again.overridden, again.skipped, audio.pre_labels()) == (0, 0, 1, ["a", "b"])


def test_what_was_added_again_is_reported_with_the_policy_that_prevents_it(audio: Rig, prelabel: Command) -> None:
    speech(audio, "a")
    speech(audio, "a")

    project = audio.project.id
    shown = prelabel("project", "show", project).out
    assert "had pre-labels from here: 1 added again" in shown
    assert "overridden" not in shown
    assert f"prelabel project set {project} --policy skip skips rows that were imported before" in shown
    (found,) = prelabel("status", "--project", project, "--json").json["projects"]
    assert (found["addedAgain"], found["overridden"]) == (1, 0)
    assert f'prelabel_added_again_rows{{project="{project}"}} 1.0' in prelabel("metrics", "--once").out


# -- at Labelbox


def test_imports_that_are_not_ours_are_named_with_their_state(rig: Rig, prelabel: Command) -> None:
    bring(rig, "a")
    rig.sandbox.upload(rig.project.id, "by hand", b"")
    rig.sandbox.ended(rig.project.id, "by hand")
    rig.sandbox.upload(rig.project.id, "prelabel-0123-4567", b"")
    rig.sandbox.ended(rig.project.id, "prelabel-0123-4567")

    there = prelabel("project", "show", rig.project.id, "--labelbox", "--json").json["labelbox"]

    assert (there["ours"], there["shownToLabelers"], there["complete"]) == (1, True, True)
    assert [(each["name"], each["state"]) for each in there["notOurs"]] == [("by hand", "FINISHED")]
    assert [each["name"] for each in there["namedLikeOurs"]] == ["prelabel-0123-4567"]
    said = prelabel("project", "show", rig.project.id, "--labelbox")
    assert said.code == 0
    assert "at Labelbox: labelers see pre-labels" in said.out
    assert "1 import not ours: by hand (FINISHED)" in said.out


def test_visibility_is_queried_before_the_first_row_and_hidden_pre_labels_are_reported(
    rig: Rig, prelabel: Command
) -> None:
    project = rig.project.id
    rig.sandbox.project(project, TOOLS, showPredictionsToLabelers=False)

    assert prelabel("project", "show", project).code == 3
    said = prelabel("project", "show", project, "--labelbox")

    assert said.code == 0
    assert "at Labelbox: pre-labels are hidden from labelers" in said.out
    assert "at Labelbox: 0 imports known here" in said.out


def test_all_pages_are_looked_at_up_to_a_bound(rig: Rig, monkeypatch: pytest.MonkeyPatch, prelabel: Command) -> None:
    for n in range(remote_imports.PAGE + 1):
        rig.sandbox.upload(rig.project.id, f"by hand {n}", b"")
    words = ("project", "show", rig.project.id, "--labelbox", "--json")

    whole = prelabel(*words).json["labelbox"]
    monkeypatch.setattr(remote_imports, "MAX_PAGES", 1)
    part = prelabel(*words).json["labelbox"]

    assert (len(whole["notOurs"]), whole["complete"]) == (remote_imports.PAGE + 1, True)
    assert (len(part["notOurs"]), part["complete"]) == (remote_imports.PAGE, False)


def test_without_labelbox_the_rest_is_shown_and_the_exit_code_says_so(rig: Rig, prelabel: Command) -> None:
    bring(rig, "a")
    rig.fault("503", times=9, operations="all")

    said = prelabel("project", "show", rig.project.id, "--labelbox")

    assert said.code == 4
    assert "imported: 1" in said.out
    assert "Labelbox answers 503" in said.err


def test_nothing_is_asked_of_labelbox_unless_it_is_said(rig: Rig, prelabel: Command) -> None:
    bring(rig, "a")
    before = len(rig.sandbox.control("GET", "/requests"))

    prelabel("project", "show", rig.project.id)

    assert len(rig.sandbox.control("GET", "/requests")) == before
