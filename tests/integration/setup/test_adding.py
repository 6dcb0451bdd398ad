"""Adding data rows to a dataset: each once, whatever answer is lost, and failed ones are reported by key."""

import gzip
import json
import secrets
import stat
from pathlib import Path

import httpx
import orjson
import pytest

from prelabel_worker.accounts.rate_limiter import Permits
from prelabel_worker.accounts.repeating import Stopped
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.settings import load_settings
from tests.support.row_data import BAD, GOOD, TALK
from tests.support.waiting import wait_for
from tests.support.workplace import Workplace, numbered, place, running, written

__all__ = ["place", "running"]


@pytest.fixture
def mark() -> str:
    """Return a prefix for the global keys of one test, since keys are unique in the whole sandbox."""
    return f"{secrets.token_hex(4)}-"


def test_rows_that_are_there_already_are_told_apart_and_a_repeat_adds_nothing(
    place: Workplace, tmp_path: Path, mark: str
) -> None:
    file, dataset = written(tmp_path / "rows.ndjson", numbered(5, mark)), place.dataset()
    first, _ = place.add(written(tmp_path / "some.ndjson", numbered(2, mark)), dataset)
    state, failed = place.add(file, dataset)
    again, _ = place.add(file, dataset)

    assert (first.added, state.added, state.existing, failed) == (2, 3, 2, [])
    assert (again.added, again.existing, again.failed) == (0, 5, 0)
    assert place.row_count(dataset) == 5


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("not json", "not JSON"),
        (
            '{"global_key": "a", "metadata_fields": [{"value": NaN}]}',
            "metadata_fields[0].value: expected a finite number, found NaN",
        ),
        ("[1]", "expected an object"),
        ({"row_data": "https://x.example/a"}, "global_key: missing"),
        ({"global_key": "a"}, "row_data: missing"),
        ({"row_data": "https://x.example/a", "globalKey": "a"}, "globalKey: expected global_key?"),
        ({"row_data": 7, "global_key": "a"}, "row_data: expected a text"),
        ({"row_data": "https://x.example/a", "global_key": "a" * 201}, "at most 200"),
        ({"row_data": "x" * 70_000, "global_key": "a"}, "at most 65,536"),
        ({"row_data": "images/gone.jpg", "global_key": "a"}, "no file images/gone.jpg"),
        ({"row_data": "https://x.example/a", "global_key": "a", "metadata_fields": {}}, "expected an array"),
    ],
)
def test_a_line_that_is_no_data_row_is_named_and_the_others_are_added(
    place: Workplace, tmp_path: Path, mark: str, row: object, why: str
) -> None:
    good = numbered(2, mark)

    state, failed = place.add(written(tmp_path / "rows.ndjson", [good[0], row, "", good[1]]), place.dataset(), tmp_path)

    assert (state.added, state.failed, [each.line for each in failed]) == (2, 1, [2])
    assert why in failed[0].why


@pytest.mark.parametrize("spelling", ["../secret.txt", "{folder}/secret.txt", "link.txt"])
def test_a_file_outside_the_folder_is_never_uploaded(
    place: Workplace, tmp_path: Path, mark: str, spelling: str
) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("not yours")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    row = {"row_data": spelling.format(folder=tmp_path), "global_key": mark}
    before = place.asked("uploadFile")

    state, failed = place.add(written(folder / "rows.ndjson", [row]), place.dataset(), folder)

    assert (state.added, [f"outside {folder}" in each.why for each in failed]) == (0, [True])
    assert place.asked("uploadFile") == before


def test_rows_that_labelbox_refuses_are_reported_with_its_error(place: Workplace, tmp_path: Path, mark: str) -> None:
    file = written(tmp_path / "rows.ndjson", numbered(2, mark))

    state, failed = place.add(file, "cds-that-is-not-there")

    assert (state.added, state.failed, [each.key for each in failed]) == (0, 2, [f"{mark}0", f"{mark}1"])
    assert all("dataset" in each.why.lower() for each in failed)


def test_local_files_are_uploaded_and_texts_are_sent(place: Workplace, tmp_path: Path, mark: str) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/ä b.png").write_bytes(b"\x89PNG pixels")
    rows = [
        {"row_data": "images/ä b.png", "global_key": f"{mark}file"},
        {"row_data": "A text. With words.", "global_key": f"{mark}text"},
    ]
    place.add(written(tmp_path / "rows.ndjson", rows), place.dataset(), tmp_path)

    made = place.made()

    assert made[f"{mark}text"] == "A text. With words."
    assert httpx.get(made[f"{mark}file"]).content == b"\x89PNG pixels"


def test_objects_are_added_and_files_that_a_document_names_are_uploaded(
    place: Workplace, tmp_path: Path, mark: str
) -> None:
    (tmp_path / "log.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "log-textlayer.json").write_bytes(b'[{"number": 1, "units": "POINTS", "groups": []}]')
    (tmp_path / "talk.json").write_text(json.dumps(TALK))
    document = {"pdf_url": "log.pdf", "text_layer_url": "log-textlayer.json"}
    objects = {f"{mark}{good}": good.row_data for good in GOOD}
    rows = [{"row_data": row_data, "global_key": key} for key, row_data in objects.items()]
    rows += [
        {"row_data": document, "global_key": f"{mark}local", "media_type": "PDF"},
        {"row_data": "talk.json", "global_key": f"{mark}file", "media_type": "conversational"},
    ]

    _, failed = place.add(written(tmp_path / "rows.ndjson", rows), place.dataset(), tmp_path)
    made = {key: json.loads(row_data) for key, row_data in place.made().items()}

    assert failed == []
    local, file = made.pop(f"{mark}local"), made.pop(f"{mark}file")
    assert (made, file) == (objects, TALK)
    assert {key: httpx.get(address).content for key, address in local.items()} == {
        "pdf_url": b"%PDF-1.7", "text_layer_url": b'[{"number": 1, "units": "POINTS", "groups": []}]'
    }  # fmt: skip


def test_an_object_or_a_media_type_that_is_wrong_is_named_and_nothing_is_sent(
    place: Workplace, tmp_path: Path, mark: str
) -> None:
    rows: list[dict[str, object]] = [
        {"row_data": bad.row_data, "global_key": f"{mark}{at}"} for at, bad in enumerate(BAD)
    ]
    rows.append({"row_data": "https://x.example/a", "global_key": f"{mark}media", "media_type": "IMAGES"})
    before = place.asked("uploadFile")

    state, failed = place.add(written(tmp_path / "rows.ndjson", rows), place.dataset(), tmp_path)

    assert (state.added, place.asked("uploadFile")) == (0, before)
    assert [no_row.why.startswith(bad.path) for no_row, bad in zip(failed, BAD, strict=False)] == [True] * len(BAD)
    assert "did you mean IMAGE?" in failed[-1].why


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("503", {"times": 4}),
        ("503", {"times": 1, "retryAfter": 1}),
        ("429", {"times": 2, "retryAfter": 1}),
        ("reset", {"times": 3, "operations": "all"}),
        ("not-json", {"times": 2}),
        ("accept-then-time-out", {"times": 3, "operations": "all", "cut": True}),
    ],
    ids=str,
)
def test_each_row_is_added_once_through_failures(
    place: Workplace, tmp_path: Path, mark: str, fault: str, options: dict[str, object]
) -> None:
    dataset = place.dataset()
    place.fault(fault, **options)

    state, failed = place.add(written(tmp_path / "rows.ndjson", numbered(3, mark)), dataset)

    assert (state.added, state.existing, failed) == (3, 0, [])
    assert place.row_count(dataset) == 3


@pytest.mark.parametrize("fault", [{"cut": True}, {"status": 502}], ids=str)
def test_rows_whose_answer_was_lost_are_looked_for_and_not_added_twice(
    place: Workplace, tmp_path: Path, mark: str, fault: dict[str, object]
) -> None:
    dataset = place.dataset()

    place.lose_the_answer_to_what_creates(**fault)
    state, failed = place.add(written(tmp_path / "rows.ndjson", numbered(3, mark)), dataset)

    assert (state.added, state.existing, failed) == (3, 0, [])
    assert place.row_count(dataset) == 3


def test_a_429_stops_everybody_on_the_account_for_as_long_as_it_says(
    place: Workplace, tmp_path: Path, mark: str
) -> None:
    dataset = place.dataset()
    place.fault("429", times=1, retryAfter=5.5)
    settings = load_settings(redis_url=place.environment["PRELABEL_REDIS_URL"], key_prefix=place.prefix)
    Permits(place.client, place.prefix, "default", 100_000, 5000).reserve("follow")  # a worker, which sets the limit

    state, _ = place.add(written(tmp_path / "rows.ndjson", numbered(1, mark)), dataset)

    assert state.added == 1
    assert any("again in" in each for each in place.told)
    (account,) = Accounts(place.client, settings).all()
    assert account.rate < account.limit


def test_an_end_that_is_asked_for_comes_between_two_requests(place: Workplace, tmp_path: Path, mark: str) -> None:
    place.stop.set()

    with pytest.raises(Stopped):
        place.add(written(tmp_path / "rows.ndjson", numbered(1, mark)), place.dataset())


def test_a_command_that_was_killed_continues_where_it_was(place: Workplace, tmp_path: Path, mark: str) -> None:
    rows = 21_000
    file = written(tmp_path / "rows.ndjson", [*numbered(rows, mark), "no row"])
    report = tmp_path / "report.ndjson"
    command = ("dataset", "add", file, "--dataset", mark, "--report", report, "--json")
    before = place.asked("createDataset")

    process = place.start(*command, cwd=tmp_path)
    wait_for(lambda: any('"line":20000' in each.read_text() for each in tmp_path.glob(".rows*.json")), "a part", 60)
    process.kill()
    process.communicate(timeout=20)
    done = place.run(*command, cwd=tmp_path)

    assert done.returncode == 1, done.stderr
    assert "resuming after line 20,000" in done.stderr
    assert f'"added": {rows}' in done.stdout
    assert f"line {rows + 1}: not JSON" in done.stderr
    assert report.read_text().count("\n") == 1
    assert place.asked("createDataset") == before + 1


def test_a_wrong_file_makes_no_dataset(place: Workplace, tmp_path: Path, mark: str) -> None:
    file = written(tmp_path / "rows.ndjson", [{"dataRow": {"globalKey": "a"}, "annotations": []}])
    before = place.asked("createDataset")

    done = place.invoke("dataset", "add", file, "--dataset", mark)

    assert (done.exit_code, place.asked("createDataset")) == (1, before)
    assert "line 1: dataRow: expected" in done.stderr
    assert "no dataset was made" in done.stderr


def test_a_report_that_is_a_link_is_refused_before_anything_is_made_and_a_new_one_is_private(
    place: Workplace, tmp_path: Path, mark: str
) -> None:
    good = {"row_data": "https://assets.example.org/1.jpg", "global_key": mark}
    file = written(tmp_path / "rows.ndjson", ["no row", good])
    elsewhere, report = tmp_path / "elsewhere", tmp_path / "report"
    elsewhere.write_text("kept")
    report.symlink_to(elsewhere)
    before = place.asked("createDataset")
    command = ("dataset", "add", file, "--dataset", mark, "--report", report)

    refused = place.invoke(*command)

    assert (refused.exit_code, place.asked("createDataset")) == (2, before)
    assert "is a link" in refused.stderr
    assert elsewhere.read_text() == "kept"
    report.unlink()
    assert place.invoke(*command).exit_code == 1
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_a_report_is_written_over_no_other_file_and_again_by_the_same_command(
    place: Workplace, tmp_path: Path, mark: str
) -> None:
    file, report = written(tmp_path / "rows.ndjson", ["no row", *numbered(1, mark)]), tmp_path / "report"
    command = ("dataset", "add", file, "--dataset", mark, "--report")
    rows = file.read_bytes()
    report.write_text("of another command")
    before = place.asked("createDataset")

    for other in (report, file):
        refused = place.invoke(*command, other)
        assert refused.exit_code == 2
        assert f"{other} exists, and is no report of these rows" in refused.stderr
    assert (report.read_text(), file.read_bytes(), place.asked("createDataset")) == ("of another command", rows, before)

    report.unlink()
    assert [place.invoke(*command, report).exit_code for _ in range(2)] == [1, 1]
    assert report.read_text().count("\n") == 1


def test_a_state_that_is_a_link_ends_the_command_with_one_line(place: Workplace, tmp_path: Path, mark: str) -> None:
    command = ("dataset", "add", written(tmp_path / "rows.ndjson", numbered(1, mark)), "--dataset", mark)
    assert place.run(*command, cwd=tmp_path).returncode == 0
    (state,) = tmp_path.glob(".rows*.json")
    elsewhere = state.rename(tmp_path / "elsewhere")
    state.symlink_to(elsewhere)
    before = elsewhere.read_bytes()

    refused = place.run(*command, cwd=tmp_path)

    assert (refused.returncode, elsewhere.read_bytes()) == (2, before)
    assert f"{state} is a link" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_packed_file_and_a_dataset_that_exists_are_taken_too(place: Workplace, tmp_path: Path, mark: str) -> None:
    plain, dataset = written(tmp_path / "rows.ndjson", numbered(3, mark)), place.dataset()
    packed = tmp_path / "rows.ndjson.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    done = place.invoke("dataset", "add", packed, "--dataset-id", dataset, "--json")

    assert done.exit_code == 0, done.stderr
    assert orjson.loads(done.stdout) == {"dataset": dataset, "added": 3, "existing": 0, "failed": 0}
    assert place.row_count(dataset) == 3


def test_ctrl_c_ends_with_130_and_says_that_the_same_command_continues(
    place: Workplace, tmp_path: Path, mark: str
) -> None:
    place.sandbox.control("POST", "/settings", {"secondsPerTask": 1.5})
    file = written(tmp_path / "rows.ndjson", numbered(3, mark))
    before = place.asked("upsertDataRows")
    process = place.start("dataset", "add", file, "--dataset", mark, cwd=tmp_path)
    wait_for(lambda: place.asked("upsertDataRows") > before, "the task to begin")
    place.sandbox.control("POST", "/settings", {"secondsPerTask": 60})  # so that the task continues for long
    process.terminate()
    _, said = process.communicate(timeout=20)
    assert (process.returncode, "the same command resumes where it was" in said) == (130, True)

    late = place.run("dataset", "add", file, "--dataset", mark, "--timeout", "1", cwd=tmp_path)
    assert (late.returncode, "it continues there" in late.stderr) == (3, True)
    place.sandbox.control("POST", "/settings", {"secondsPerTask": 0})
    done = place.run("dataset", "add", file, "--dataset", mark, cwd=tmp_path)
    assert (done.returncode, "added 3, existing 0, failed 0" in done.stdout) == (0, True)
    assert place.asked("upsertDataRows") == before + 1


def test_a_dataset_that_may_have_been_made_is_not_made_again(place: Workplace, tmp_path: Path, mark: str) -> None:
    file = written(tmp_path / "rows.ndjson", numbered(1, mark))
    command = ("dataset", "add", file, "--dataset", mark)
    before = place.asked("createDataset")
    place.fault("accept-then-time-out", cut=True)

    lost, again = place.run(*command, cwd=tmp_path), place.run(*command, cwd=tmp_path)

    assert (lost.returncode, "is not known" in lost.stderr) == (4, True)
    assert (again.returncode, "Look for it in Labelbox" in again.stderr) == (2, True)
    assert place.asked("createDataset") == before + 1


def test_labelbox_s_words_are_shown_without_the_key(place: Workplace, tmp_path: Path) -> None:
    place.fault("graphql-error", times=9, code="MALFORMED_REQUEST", message="a-key may not do this to harbour")
    file = written(tmp_path / "rows.ndjson", numbered(1, "x"))

    done = place.run("dataset", "add", file, "--dataset", "d", cwd=tmp_path)

    assert (done.returncode, "… may not do this to harbour" in done.stderr) == (2, True), done.stderr
    assert "a-key" not in done.stderr


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PRELABEL_LABELBOX_API_KEY": ""}, "no API key for account default"),
        ({"PRELABEL_LABELBOX_API_KEY": "bad-key"}, "Labelbox"),
        ({"PRELABEL_LABELBOX_ENDPOINT": "http://labelbox.example/graphql"}, "https"),
    ],
)
def test_without_a_key_that_is_good_and_safe_nothing_is_done(
    place: Workplace, tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    file = written(tmp_path / "rows.ndjson", numbered(1, "x"))

    done = place.run("dataset", "add", file, "--dataset", "d", cwd=tmp_path, **environment)

    assert (done.returncode, said in done.stderr, "bad-key" in done.stderr) == (2, True, False), done.stderr
