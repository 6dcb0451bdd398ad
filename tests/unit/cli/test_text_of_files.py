"""Every command that reads a file takes it packed, marked or in another format's name, or says what to do with it."""

import ast
import gzip
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from prelabel.readers import FORMATS, read_mapping
from prelabel.text_input import UnreadableInput, open_text
from prelabel.validation import gate
from prelabel_worker.cli.dead.edit import _text
from prelabel_worker.cli.dead.retry import data_rows
from prelabel_worker.cli.setup.batch_rows import of_lines
from prelabel_worker.settings import load_settings
from prelabel_worker.setup.new_rows import NewRow, NoRow, RowReader
from tests.support.command import Command, Done, command_of
from tests.support.reading import write
from tests.support.sources import ROOT, SOURCES

BOM = b"\xef\xbb\xbf"
BOX = {"top": 1, "left": 2, "height": 3, "width": 4}
RESULT = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
ONTOLOGY = {"tools": [{"tool": "rectangle", "name": "vessel"}], "mediaType": "IMAGE"}


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def message(key: str, name: str = "vessel") -> dict[str, Any]:
    return {"projectId": "own", "dataRow": {"globalKey": key}, "annotations": [{"name": name, "bbox": BOX}]}


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def counts(out: str) -> list[str]:
    """Return the lines of a dry run without its examples."""
    return [line for line in out.splitlines() if not line.startswith("  such as ")]


FORMS = {
    "plain": bytes,
    "mark": lambda content: BOM + content,
    "gzip": packed,
    "mark in gzip": lambda content: packed(BOM + content),
    "CR LF": lambda content: content.replace(b"\n", b"\r\n"),
    "CR": lambda content: content.replace(b"\n", b"\r"),
}
forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run commands where no Redis is."""
    settings = load_settings(redis_url="redis://127.0.0.1:1/0", labelbox_api_key="k")
    return command_of(settings, monkeypatch, tmp_path, capsys)


def invalid(done: Done) -> int:
    return int(done.json["invalid"])


# ---- the same rows, however the file is packed


@forms
def test_messages_lose_no_line_in_a_file_or_on_standard_input(
    form: Callable[[bytes], bytes], command: Command, tmp_path: Path
) -> None:
    content = form(lines(message("a"), message("b")))
    file = write(tmp_path, "messages", content)

    for done in (command("publish", str(file), "--dry-run"), command("publish", "-", "--dry-run", stdin=content)):
        assert (done.code, done.err) == (0, "")
        assert counts(done.out) == [
            "would publish 2, refuse 0; nothing was published",
            "  own: 2 messages, annotations: bounding box 2",
        ]
    for done in (command("validate", str(file), "--json"), command("validate", "-", "--json", stdin=content)):
        assert (done.code, done.json["lines"], done.json["valid"]) == (0, 2, 2)


@forms
def test_plain_lines_keep_the_first_annotation_of_their_data_row(
    form: Callable[[bytes], bytes], command: Command, tmp_path: Path
) -> None:
    rows = [{"dataRow": {"globalKey": key}, "name": "vessel", "bbox": BOX} for key in "aba"]
    file = write(tmp_path, "lines.ndjson", form(lines(*rows)))

    done = command("publish", str(file), "--project", "p", "--dry-run")

    assert (done.code, done.err) == (0, "")
    assert counts(done.out)[1:] == ["  p: 2 messages, annotations: bounding box 3"]


@forms
@pytest.mark.parametrize(
    ("name", "content", "count"),
    [
        ("coco-results", json.dumps([RESULT]).encode() + b"\n", "bounding box 1"),
        ("mot", b"1,1,10,10,5,5,1\n2,1,10,10,5,5,1\n", "video object 1"),
        ("rttm", b"SPEAKER rec 1 0 1 <NA> <NA> a <NA>\nSPEAKER rec 1 2 1 <NA> <NA> b <NA>\n", "timed checklist 1"),
    ],
)
def test_formats_of_other_tools_lose_no_line(
    form: Callable[[bytes], bytes], name: str, content: bytes, count: str, command: Command, tmp_path: Path
) -> None:
    file = write(tmp_path, "predictions.gz", form(content))
    categories = write(tmp_path, "categories", form(b'[{"id": 1,\n"name": "vessel"}]'))
    options = ["--categories", str(categories)] if name == "coco-results" else []

    done = command("publish", str(file), "--format", name, "--project", "p", *options, "--dry-run")

    assert (done.code, done.err) == (0, "")
    assert counts(done.out)[1:] == [f"  p: 1 message, annotations: {count}"]
    assert command("ontology", "infer", str(file), "--format", name, *options).code == 0


@forms
def test_mappings_ontologies_keys_tables_and_messages_are_read_whole(
    form: Callable[[bytes], bytes], command: Command, tmp_path: Path
) -> None:
    mapping = write(tmp_path, "mapping.toml", form(b'confidence = 0.3\nunmapped = "drop"\n'))
    ontology = write(tmp_path, "ontology.json", form(json.dumps(ONTOLOGY, indent=1).encode()))
    keys = write(tmp_path, "keys.txt", form("a\nhäfen/b\n".encode()))
    table = write(tmp_path, "table.csv", form(b'old,new\na,b\n"c,d",e\n'))
    edited = write(tmp_path, "message.json", form(b'{"a":\n1}'))
    messages = write(tmp_path, "messages", lines(message("a"), message("b", "vesel")))

    assert (read_mapping(mapping).confidence, read_mapping(mapping).unmapped) == (0.3, "drop")
    assert invalid(command("validate", str(messages), "--ontology", str(ontology), "--json")) == 1
    assert list(of_lines(str(keys)).keys) == ["a", "häfen/b"]
    assert data_rows(table) == {"a": "b", "c,d": "e"}
    assert json.loads(_text(None, str(edited)) or b"") == {"a": 1}  # type: ignore[arg-type] # only an editor needs it


@forms
def test_rows_of_a_dataset_are_all_read(form: Callable[[bytes], bytes], tmp_path: Path) -> None:
    rows = [{"global_key": key, "row_data": "https://a.example/x"} for key in "abc"]

    with open_text(write(tmp_path, "rows", form(lines(*rows)))) as stream:
        read = list(RowReader(None).rows(stream))

    assert [row.key for row in read if isinstance(row, NewRow)] == ["a", "b", "c"]


# ---- what cannot be read to its end


def test_a_packed_file_that_is_cut_off_publishes_the_messages_before_and_says_so(
    command: Command, tmp_path: Path
) -> None:
    whole = packed(lines(*(message(f"pier-{at * 7919 % 10007}") for at in range(2_000))))
    file = write(tmp_path, "messages.gz", whole[: len(whole) * 3 // 4])

    published = command("publish", str(file), "--dry-run")
    checked = command("validate", str(file), "--json")

    assert (published.code, checked.code) == (1, 1)
    assert published.err.startswith(f"prelabel: nothing more was read: {file}: the gzip data is cut off after ")
    count = checked.json["valid"]
    assert 1_000 < count < 2_000
    assert published.out.startswith(f"would publish {count}, refuse 1; ")
    assert checked.json["errors"][-1]["where"] == "nothing more was read"


def test_a_format_that_needs_the_whole_file_publishes_nothing_of_one_that_is_cut_off(
    command: Command, tmp_path: Path
) -> None:
    content = json.dumps([RESULT | {"image_id": at * 7919 % 10007} for at in range(2_000)]).encode()
    cut = write(tmp_path, "results.json.gz", packed(content)[:-2_000])
    short = write(tmp_path, "results.json", content[:-2_000])
    plain = write(tmp_path, "lines.gz", packed(lines({"dataRow": {"id": "a"}, "name": "n", "bbox": BOX}))[:-6])
    categories = write(tmp_path, "categories.json", [{"id": 1, "name": "vessel"}])

    for file in (cut, short):
        done = command(
            *("publish", str(file), "--format", "coco-results", "--project", "p", "--dry-run"),
            *("--categories", str(categories)),
        )
        assert (done.code, done.out) == (2, "")
        assert done.err.endswith("; nothing was published\n")
    done = command("publish", str(plain), "--project", "p", "--dry-run")
    assert (done.code, done.out) == (2, "")
    assert "cut off" in done.err
    assert done.err.endswith("; nothing was published\n")


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_that_is_read_more_than_once_asks_for_a_file_instead_of_a_pipe(
    form: str, command: Command, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for name in ("-", str(pipe)):
        done = command("publish", name, "--format", form, "--project", "p", "--dry-run")
        assert (done.code, done.out) == (2, "")
        assert "write it to a file" in done.err


def test_an_error_about_a_whole_file_says_once_that_nothing_was_published(command: Command, tmp_path: Path) -> None:
    shares = write(tmp_path, "tracks.txt", "1,1,0.1,0.1,0.2,0.2,1,-1,-1,-1\n2,1,0.3,0.3,0.2,0.2,1,-1,-1,-1\n")

    done = command("publish", str(shares), "--format", "mot", "--project", "p", "--dry-run")

    assert done.code == 2
    assert done.err.count("publish") == 1
    assert command("validate", str(shares), "--format", "mot", "--project", "p").err.count("publish") == 0


def test_rows_of_a_dataset_before_the_end_of_a_cut_file_are_added_and_the_end_is_reported(tmp_path: Path) -> None:
    rows = [{"global_key": f"{at * 7919 % 10007}", "row_data": "https://a.example/x"} for at in range(2_000)]
    whole = packed(lines(*rows))

    with open_text(write(tmp_path, "rows.gz", whole[: len(whole) // 2])) as stream:
        *read, last = RowReader(None).rows(stream)
    with (
        pytest.raises(UnreadableInput, match="cut off"),
        open_text(write(tmp_path, "none.gz", whole[:40])) as stream,
    ):
        list(RowReader(None).rows(stream))

    assert 500 < len(read) < 2_000
    assert isinstance(last, NoRow)
    assert last.why.startswith("nothing more was read: ")


@pytest.mark.parametrize("words", [["publish", "--dry-run", "--project", "p"], ["validate"], ["ontology", "infer"]])
def test_a_file_in_utf_16_is_refused_by_its_name(words: list[str], command: Command, tmp_path: Path) -> None:
    file = write(tmp_path, "messages", lines(message("a")).decode().encode("utf-16"))

    done = command(*words, str(file))

    assert done.code == 2
    assert "it is in UTF-16LE, expected UTF-8: convert it with `iconv -f UTF-16LE -t UTF-8`" in done.err


@pytest.mark.parametrize("content", [b"a\n\xff\n", b"a" * 70_000])
def test_a_file_of_keys_that_is_no_text_is_named_with_its_line(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="line "):
        of_lines(str(write(tmp_path, "keys", content)))


# ---- formats


@pytest.mark.parametrize("words", [["publish", "--project", "p", "--dry-run"], ["validate"], ["ontology", "infer"]])
@pytest.mark.parametrize("form", ["messages", "ndjson"])
def test_a_file_of_another_format_is_told_the_option_that_reads_it(
    words: list[str], form: str, command: Command, tmp_path: Path
) -> None:
    file = write(tmp_path, "results.json", [RESULT])

    done = command(*words, str(file), "--format", form)

    assert done.code == 2
    assert done.out == ""
    assert done.err == (
        f"prelabel: {file}: this looks like coco-results: give --format coco-results, with --categories FILE\n"
    )


@pytest.mark.parametrize("words", [["publish", "--project", "p", "--dry-run"], ["validate"], ["ontology", "infer"]])
def test_a_file_that_is_certainly_of_another_format_is_read_as_one(
    words: list[str], command: Command, tmp_path: Path
) -> None:
    file = write(tmp_path, "results.json", [RESULT])
    categories = write(tmp_path, "categories.json", [{"id": 1, "name": "vessel"}])
    project = [] if "--project" in words or "infer" in words else ["--project", "p"]
    ontology = ["--ontology", str(write(tmp_path, "ontology.json", ONTOLOGY))] if "validate" in words else []

    done = command(*words, str(file), "--categories", str(categories), *(ontology or project))
    without = command(*words, str(file), *(ontology or project))

    assert done.code == 0, done.err
    assert f"{file}: this looks like coco-results, and is read as --format coco-results\n" in done.err
    assert without.code == 2
    assert "names no categories: give --categories FILE" in without.err


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ([RESULT | {"segmentation": [[1, 1, 9, 1, 9, 9]]}], "--format coco-segmentation or --format coco-results"),
        ([{"label": "a", "score": 0.5}], "--format huggingface-labels or --format huggingface-vision"),
        ("1,1,10,10,5,5,1\n", "--format mot"),
    ],
)
def test_a_file_that_several_formats_read_is_not_read_but_told_the_options(
    content: Any, options: str, command: Command, tmp_path: Path
) -> None:
    file = write(tmp_path, "predictions", content)

    done = command("publish", str(file), "--project", "p", "--dry-run")

    assert (done.code, done.out) == (2, "")
    assert f"give {options}" in done.err


def test_a_folder_is_read_as_the_format_of_its_files(command: Command, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    for name in "ab":
        write(tmp_path / "reports", f"{name}.txt", "Lisbeth left")
        write(tmp_path / "reports", f"{name}.ann", "T1\tship 0 7\tLisbeth\n")

    done = command("publish", str(tmp_path / "reports"), "--project", "p", "--dry-run")

    assert "this looks like brat, and is read as --format brat" in done.err
    assert counts(done.out)[1:] == ["  p: 2 messages, annotations: text entity 2"]
    (tmp_path / "empty").mkdir()
    assert command("publish", str(tmp_path / "empty"), "--project", "p", "--dry-run").code == 2


def test_columns_are_typed_as_role_and_column(command: Command, tmp_path: Path) -> None:
    table = write(tmp_path, "a.csv", "photo,thing\n1.jpg,fog\n")
    words = ["publish", str(table), "--format", "table", "--project", "p", "--dry-run"]

    done = command(*words, "--columns", "key=photo", "--columns", "class=thing")

    assert counts(done.out)[1:] == ["  p: 1 message, annotations: radio 1"]
    for bad in ("photo", "key=", "=photo", "key=photo --columns key=thing"):
        refused = command(*words, "--columns", *bad.split())
        assert refused.code == 2
        assert "expected ROLE=COLUMN" in refused.err


def test_a_dry_run_shows_three_messages_of_bounded_width(command: Command, tmp_path: Path) -> None:
    rows = [message(name) for name in "abcde"]
    rows[1]["annotations"] = [{"name": "remark", "answer": "x" * 5_000}]
    file = write(tmp_path, "messages", lines(*rows))

    done = command("publish", str(file), "--dry-run")
    as_json = command("publish", str(file), "--dry-run", "--json")

    examples = [line for line in done.out.splitlines() if line.startswith("  such as ")]
    assert [json.dumps(key) in example for key, example in zip("abc", examples, strict=True)] == [True] * 3
    assert max(map(len, examples)) < 420
    assert examples[1].endswith("…")
    assert len(as_json.json["examples"]) == 3


def test_a_named_pipe_of_another_format_is_read_once(command: Command, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = json.dumps({"images": [{"id": at} for at in range(20_000)], "annotations": [RESULT]}).encode()

    def fill() -> None:
        with suppress(BrokenPipeError):
            pipe.write_bytes(content)

    filling = threading.Thread(target=fill)
    filling.start()
    done = command("publish", str(pipe), "--dry-run")
    filling.join()

    assert (done.code, done.out) == (2, "")
    assert "this looks like a file of COCO" in done.err


@pytest.mark.parametrize(
    ("form", "content", "likely"),
    [
        ("mot", json.dumps([RESULT]), "coco-results"),
        ("rttm", "1,1,10,10,5,5,1\n", "mot"),
        ("coco-captions", json.dumps([RESULT]), "coco-results"),
        ("coco-captions", "SPEAKER rec 1 0 1 <NA> <NA> a\n", "rttm"),
        ("mot", json.dumps(message("a")), "messages"),
    ],
)
def test_a_format_that_reads_nothing_names_the_one_that_would(
    form: str, content: str, likely: str, command: Command, tmp_path: Path
) -> None:
    file = write(tmp_path, "predictions", content)

    done = command("publish", str(file), "--format", form, "--project", "p", "--dry-run")

    assert done.code in (0, 1, 2)
    assert f"this looks like {likely}: give --format {likely}" in done.err


def test_validate_checks_a_format_of_another_tool_against_the_ontology_as_publish_would(
    command: Command, tmp_path: Path
) -> None:
    categories = write(tmp_path, "categories.json", [{"id": 1, "name": "vessel"}, {"id": 2, "name": "quay"}])
    ontology = write(tmp_path, "ontology.json", ONTOLOGY)
    results = [RESULT, RESULT | {"image_id": 2, "category_id": 2}, RESULT | {"image_id": 3, "score": 7}]
    file = write(tmp_path, "results.json", results)
    options = ("--format", "coco-results", "--categories", str(categories))

    text = command("validate", str(file), *options, "--ontology", str(ontology))
    found = command("validate", str(file), *options, "--ontology", str(ontology), "--json")
    published = command("publish", str(file), *options, "--project", "p", "--dry-run")

    assert (text.code, found.code, published.code) == (1, 1, 1)
    assert "results.json[2]: score" in text.out
    assert "results.json, data row 2: annotations[0].name: expected a feature of the project's ontology" in text.out
    assert "3 records: 1 valid, 2 invalid" in text.out
    assert (found.json["lines"], found.json["valid"], found.json["invalid"]) == (3, 1, 2)
    assert [error["where"] for error in found.json["errors"]] == ["results.json[2]", "results.json, data row 2"]
    assert published.out.startswith("would publish 2, refuse 1; ")  # without an ontology


def test_a_dry_run_refuses_what_publishing_refuses_and_has_its_exit_code(command: Command, tmp_path: Path) -> None:
    bad = message("b") | {"annotations": [{"name": "vessel", "bbox": BOX | {"width": -1}}]}
    file = write(tmp_path, "messages", lines(message("a"), bad) + b"{\n")

    done = command("publish", str(file), "--dry-run")

    assert done.code == 1
    assert "line 2: annotations[0].bbox.width: expected" in done.err
    assert "line 3: " in done.err
    assert done.out.startswith("would publish 1, refuse 2; nothing was published\n")


def test_a_dry_run_counts_each_project_and_what_the_mapping_leaves_out(command: Command, tmp_path: Path) -> None:
    other = message("c") | {"projectId": "other"}
    file = write(tmp_path, "messages", lines(message("a"), message("b"), other))
    results = write(tmp_path, "results.json", {"categories": [{"id": 1, "name": "n"}], "annotations": [RESULT] * 3})
    mapping = write(tmp_path, "mapping.toml", 'confidence = 0.9\nempty = "leave-out"')

    done = command("publish", str(file), "--dry-run")
    mapped = command(
        *("publish", str(results), "--format", "coco-results", "--project", "p"),
        *("--mapping", str(mapping), "--dry-run"),
    )

    assert counts(done.out)[1:] == [
        "  own: 2 messages, annotations: bounding box 2",
        "  other: 1 message, annotations: bounding box 1",
    ]
    assert mapped.err == (
        "prelabel: left out: 3 below the minimum confidence\nprelabel: left out: 1 data rows without predictions\n"
    )
    assert mapped.out == "would publish 0, refuse 0; nothing was published\n"


def test_a_dry_run_reads_each_message_once(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    decode = gate._decode

    def counting(raw: bytes) -> Any:
        read.append(raw)
        return decode(raw)

    monkeypatch.setattr(gate, "_decode", counting)
    monkeypatch.setattr(gate._PLAIN, "read", lambda raw: None)
    file = write(tmp_path, "messages", lines(message("a"), message("b") | {"annotations": []}))

    done = command("publish", str(file), "--dry-run")

    assert counts(done.out)[1:] == ["  own: 2 messages, annotations: bounding box 1"]
    assert len(read) == 2


def test_a_dry_run_says_that_a_project_gets_no_annotations(command: Command, tmp_path: Path) -> None:
    file = write(tmp_path, "messages", lines(message("a") | {"annotations": []}))

    assert "  own: 1 message, annotations: none\n" in command("publish", str(file), "--dry-run").out


@pytest.mark.parametrize("more", [["--wait"], ["--report", "report.ndjson"]])
def test_a_dry_run_has_nothing_to_wait_for_or_to_report(more: list[str], command: Command, tmp_path: Path) -> None:
    done = command("publish", str(write(tmp_path, "messages", lines(message("a")))), "--dry-run", *more)

    assert done.code == 2
    assert "--dry-run publishes nothing" in done.err
    assert not (tmp_path / "report.ndjson").exists()


# ---- no second way


#: Where files are opened that are not text from other people, and why.
NO_TEXT = {
    "producers/prelabel/readers/pixels.py": "pictures",
    "producers/prelabel/readers/image_size.py": "pictures",
    "worker/prelabel_worker/setup/adding.py": "files that are uploaded as they are",
    "worker/prelabel_worker/setup/adding_state.py": "our own state",
    "worker/prelabel_worker/cli/setup/dataset.py": "our own report",
    "worker/prelabel_worker/cli/dead/edit.py": "a text that is kept as the editor wrote it",
    "producers/prelabel/readers/arrow_files.py": "tables in binary",
    "worker/prelabel_worker/cli/main.py": "standard streams that were closed",
}


def test_commands_and_readers_open_text_in_one_way() -> None:
    folders = ("producers/prelabel/readers", "worker/prelabel_worker/cli", "worker/prelabel_worker/setup")
    opening = {"read_bytes", "read_text", "stdin"}
    found = set()
    for path, tree in SOURCES.items():
        place = path.relative_to(ROOT).as_posix()
        if not place.startswith(folders):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "buffer" and "stdin" in ast.unparse(node):
                found.add(place)
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            name = called.rpartition(".")[2]
            if called == "open" or ("." in called and name in opening):
                found.add(place)
            if name == "open" and "." in called and any("b" in ast.unparse(arg) for arg in node.args[:1]):
                found.add(place)

    assert found - set(NO_TEXT) <= {"worker/prelabel_worker/cli/dead/export.py"}


@pytest.mark.parametrize("words", [["publish", "--project", "p", "--dry-run"], ["validate"], ["ontology", "infer"]])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"# Readme\n\nSome {text}\n[project]\n", "no line of it is JSON"),
        (b"\x89PNG\r\n\x1a\n\0\0{\0\n[", "no line of it is JSON"),
        (b'{"row_data": "https://a.example/1.jpg", "global_key": "a"}\n' * 2, "this looks like data rows"),
        (json.dumps(ONTOLOGY, indent=2).encode(), "this looks like an ontology"),
        (json.dumps(ONTOLOGY).encode(), "this looks like an ontology"),
    ],
    ids=["text", "picture", "data rows", "ontology", "ontology on a line"],
)
def test_a_wrong_file_is_one_error_and_not_one_for_each_line(
    words: list[str], content: bytes, problem: str, command: Command, tmp_path: Path
) -> None:
    done = command(*words, str(write(tmp_path, "wrong", content)))

    assert (done.code, done.out) == (2, "")
    assert problem in done.err
    assert done.err.count("\n") == 1


def test_a_bad_first_line_on_standard_input_refuses_that_line_alone(command: Command) -> None:
    done = command("publish", "-", "--dry-run", stdin=b"oops\n" + lines(message("a")))

    assert done.out.startswith("would publish 1, refuse 1;")
