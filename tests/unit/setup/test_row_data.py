"""Lines of a file of data rows whose `row_data` is an object, a file or JSON, and their media types."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from prelabel.annotations.kinds import MEDIA_TYPES, media_type_of
from prelabel_worker.ontology.media_types import API_MEDIA_TYPES
from prelabel_worker.setup.conversations import MAX_CHAT
from prelabel_worker.setup.new_rows import NewRow, NoRow, RowReader
from tests.support.row_data import BAD, DOCUMENT, EVALUATION, GOOD, SDK_TILES, TALK, TILES, Bad, Good


def read(folder: Path | None = None, /, **row: Any) -> NewRow | NoRow:
    line = json.dumps({"global_key": "k", **row}).encode()
    (only,) = RowReader(folder).rows(io.BytesIO(line))
    return only


def right(folder: Path | None = None, /, **row: Any) -> NewRow:
    only = read(folder, **row)
    assert isinstance(only, NewRow), only
    return only


def why(folder: Path | None = None, /, **row: Any) -> str:
    only = read(folder, **row)
    assert isinstance(only, NoRow), only
    return only.why


@pytest.mark.parametrize("good", GOOD, ids=str)
def test_an_object_of_the_guides_is_sent_as_it_is(good: Good) -> None:
    assert right(row_data=good.row_data).payload["row_data"] == good.row_data
    assert right(row_data=good.row_data, media_type=good.media_type).payload["media_type"] == good.media_type


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_an_error_names_the_place_in_the_object(bad: Bad) -> None:
    assert why(row_data=bad.row_data).startswith((f"{bad.path}:", f"{bad.path}."))


@pytest.mark.parametrize(
    ("row_data", "words"),
    [
        (DOCUMENT | {"textlayer_url": "https://a.example/x"}, "row_data.textlayer_url: expected no such key: did you "
         "mean text_layer_url?"),
        ({"pdfurl": "https://a.example/x"}, "did you mean pdf_url?"),
        (TILES | {"epsg": "EPSG:4326"}, "found the text \"EPSG:4326\" (did you mean EPSG4326?)"),
        (TILES | {"bounds": [[108.7, 53.8], [108.8, 53.9]]}, "expected a latitude from -90 to 90, found 108.7 (version "
         "1 has the latitude first, version 2 the longitude)"),
        (TILES | {"min_zoom": 21}, "expected at most max_zoom, 20, found 21"),
        (DOCUMENT | {"pdf_url": "s3://bucket/x.pdf"}, "https://BUCKET.s3.REGION.amazonaws.com/KEY"),
        (DOCUMENT | {"pdf_url": "https:///x.pdf"}, "the host is missing"),
        (TALK | {"type": "application/vnd.labelbox.conversation"}, "did you mean application/vnd.labelbox.conv"),
        (EVALUATION | {"rootMessageIds": ["q-2"]}, "row_data.rootMessageIds[0]: expected the id of a message of this "
         "chat, found the text \"q-2\" (did you mean q-1?)"),
        (7, "row_data: expected a text that is not empty, or an object, found 7"),
    ],
)  # fmt: skip
def test_an_error_says_what_was_found_and_what_to_do(row_data: Any, words: str) -> None:
    assert words in why(row_data=row_data)


@pytest.mark.parametrize("good", GOOD, ids=str)
def test_an_object_fits_its_own_media_types_only(good: Good) -> None:
    fits = next(each for each in (["PDF", "DOCUMENT"], ["TMS_GEO", "TMS_SIMPLE"], ["CONVERSATIONAL"])
                if good.media_type in each)  # fmt: skip
    rows = {media_type: read(row_data=good.row_data, media_type=media_type) for media_type in API_MEDIA_TYPES}

    assert sorted(name for name, row in rows.items() if isinstance(row, NewRow)) == sorted(fits)
    for name, row in rows.items():
        if isinstance(row, NoRow):
            assert row.why.startswith(f"row_data: expected row data of the media type {name}, found ")


@pytest.mark.parametrize("row_data", [TALK, EVALUATION], ids=["conversation", "chat"])
def test_keys_of_conversations_and_chats_that_no_source_names_pass_unless_they_look_misspelt(
    row_data: dict[str, Any],
) -> None:
    assert right(row_data=row_data | {"turnInstructions": []}).files == {}
    assert "did you mean messages?" in why(row_data=row_data | {"message": []})


def test_the_media_types_are_those_of_the_table_of_kinds() -> None:
    assert {media_type_of(name) for name in API_MEDIA_TYPES} == MEDIA_TYPES


@pytest.mark.parametrize("name", API_MEDIA_TYPES)
def test_a_media_type_is_sent_in_the_spelling_of_the_api(name: str) -> None:
    plain = name.replace("_", "-").lower()

    assert right(row_data="https://a.example/x", media_type=plain).payload["media_type"] == name


@pytest.mark.parametrize(
    ("name", "near"),
    [("IMAGES", "IMAGE"), ("vidoe", "VIDEO"), ("TMS", "TMS_GEO"), ("CONVERSATION", "CONVERSATIONAL"), ("SLIDES", None),
     ("totallyinvalid", None), ("UNKNOWN", None)],
)  # fmt: skip
def test_a_media_type_that_does_not_exist_is_refused_with_the_nearest_and_all(name: str, near: str | None) -> None:
    text = why(row_data="https://a.example/x", media_type=name)

    assert text.startswith(f"media_type: expected a media type, found '{name}': ")
    assert all(known in text for known in API_MEDIA_TYPES)
    assert (f"did you mean {near}?" if near else ": known are") in text


@pytest.mark.parametrize(
    ("key", "inner"), [("pdf_url", "pdf_url"), ("tileLayerUrl", "tileLayerUrl"), ("conversationalData", "messages")]
)
def test_a_key_of_an_object_beside_the_global_key_is_told_where_it_belongs(key: str, inner: str) -> None:
    text = why(**{key: "https://a.example/x"})

    assert text == f'{key}: expected inside row_data: {{"row_data": {{"{inner}": …}}, "global_key": …}}'


def test_files_of_a_document_are_uploaded_in_its_place(tmp_path: Path) -> None:
    for name in ("log.pdf", "log.json"):
        (tmp_path / name).write_text("[]")

    row = right(tmp_path, row_data={"pdf_url": "log.pdf", "text_layer_url": "log.json"}, media_type="PDF")
    half = right(tmp_path, row_data={"pdfUrl": "log.pdf", "textLayerUrl": "https://a.example/log.json"})

    assert row.files == {"pdf_url": tmp_path / "log.pdf", "text_layer_url": tmp_path / "log.json"}
    assert half.files == {"pdfUrl": tmp_path / "log.pdf"}


def test_a_file_that_a_document_names_must_be_inside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "secret.pdf").write_text("not yours")
    folder = tmp_path / "rows"

    assert "outside" in why(folder, row_data={"pdf_url": "../secret.pdf"})
    assert why(folder, row_data={"pdf_url": "gone.pdf"}).startswith("row_data.pdf_url: no file gone.pdf in ")
    assert "expected an address" in why(None, row_data={"pdf_url": "gone.pdf"})


@pytest.mark.parametrize("content", [TALK, EVALUATION, TILES, SDK_TILES, DOCUMENT])
def test_a_file_or_a_text_with_such_an_object_is_checked_and_sent_as_the_object(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    (tmp_path / "asset.json").write_text(json.dumps(content))
    (tmp_path / "wrong.json").write_text(json.dumps(content | {"versions": 1}))

    assert right(tmp_path, row_data="asset.json").payload["row_data"] == content
    assert right(tmp_path, row_data=json.dumps(content)).payload["row_data"] == content
    assert why(tmp_path, row_data="wrong.json").startswith("row_data (wrong.json).versions: expected no such key")


def test_a_file_with_such_an_object_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "talk.json").write_text(json.dumps(TALK), "utf-8-sig")
    (tmp_path / "wide.json").write_text(json.dumps(TALK), "utf-16")

    assert right(tmp_path, row_data="talk.json").payload["row_data"] == TALK
    assert "UTF-16" in why(tmp_path, row_data="wide.json", media_type="CONVERSATIONAL")


def test_other_json_stays_a_text_or_a_file_unless_the_media_type_needs_an_object(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"a": 1}')
    (tmp_path / "half.json").write_text('{"a": ')

    assert right(tmp_path, row_data="other.json").files == {"": tmp_path / "other.json"}
    assert right(tmp_path, row_data='{"a": 1}').payload["row_data"] == '{"a": 1}'
    assert right(tmp_path, row_data='{"a": ', media_type="TEXT").files == {}
    assert "object with 1 key" in why(tmp_path, row_data="other.json", media_type="CONVERSATIONAL")
    assert why(tmp_path, row_data="half.json", media_type="CONVERSATIONAL").startswith("row_data (half.json): not JSON")


@pytest.mark.parametrize("media_type", ["IMAGE", "VIDEO", "PDF", "CONVERSATIONAL", "TMS_GEO", "DICOM"])
def test_a_text_is_no_asset_of_a_medium_that_is_not_text(media_type: str) -> None:
    assert "found a text" in why(row_data="Words.", media_type=media_type)
    assert right(row_data="Words.", media_type="TEXT").payload["row_data"] == "Words."


@pytest.mark.parametrize("address", ["s3://bucket/a.jpg", "https://", "https:///a.jpg", "file:///etc/passwd"])
def test_an_address_that_labelbox_cannot_fetch_is_refused(address: str) -> None:
    assert why(row_data=address).startswith("row_data: expected an address")


@pytest.mark.parametrize("address", ["HTTPS://cdn.example/a.jpg", "gs://bucket/a.jpg", "http://127.0.0.1:8000/a b.jpg"])
def test_other_addresses_pass(address: str) -> None:
    assert right(row_data=address).payload["row_data"] == address


def test_a_chat_has_a_largest_size() -> None:
    parts = [{"type": "text", "content": "a" * (MAX_CHAT // 2)}] * 2
    message = EVALUATION["messages"]["q-1"] | {"content": parts}

    assert f"at most {MAX_CHAT:,} characters" in why(
        row_data=EVALUATION | {"messages": EVALUATION["messages"] | {"q-1": message}}
    )
