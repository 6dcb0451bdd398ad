"""Formats of speech, text, pages and tables: what real and handmade files become, and that what is bad is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from prelabel.mapping import PredictionMapping, Target
from prelabel.readers import UnreadableSource
from tests.support.reading import built, classification, read, tool, write

EXAMPLES = Path(__file__).parents[3] / "examples" / "formats"
GOLDEN = Path(__file__).parents[2] / "golden" / "pages"
REPORT = (EXAMPLES / "report.txt").read_text()
SHIPS = ["Lisbeth Vollmer", "Annegret", "Robbe", "Lisbeth Vollmer"]
SEGMENT = {"start": 0.5, "end": 2.1, "text": " Go ahead.", "avg_logprob": -0.1}


def one(form: str, path: Path, **options: Any) -> list[dict[str, Any]]:
    """Return the annotations of the one message in a file without bad records."""
    messages, bad = read(form, path, **options)
    assert bad == []
    (message,) = messages
    annotations: list[dict[str, Any]] = message["annotations"]
    return annotations


def problems(form: str, path: Path, **options: Any) -> list[str]:
    """Return place and problem of each bad record."""
    return [f"{bad.where}: {bad.problem}" for bad in read(form, path, **options)[1]]


def marked(annotations: list[dict[str, Any]], text: str) -> list[str]:
    """Return what the entities mark in a text."""
    places = [each["location"] for each in annotations if "location" in each]
    return [text[place["start"] : place["end"] + 1] for place in places]


# -- speech ------------------------------------------------------------------------------------------------------------


def test_segments_of_whisper_become_texts_with_milliseconds() -> None:
    (transcript,) = one("whisper", EXAMPLES / "vhf-whisper.json")

    assert transcript == {
        "name": "transcript",
        "answer": [
            {"value": "Tower, Lisbeth here.", "frames": [{"start": 500, "end": 2099}]},
            {"value": "Go ahead.", "frames": [{"start": 2400, "end": 2999}]},
        ],
    }


def test_speakers_of_whisperx_become_a_checklist_that_the_mapping_names() -> None:
    mapping = PredictionMapping({"SPEAKER_00": Target(option="pilot"), "transcript": Target(drop=True)})

    (speakers,) = one("whisper", EXAMPLES / "vhf-whisperx.json", mapping=mapping)

    assert speakers["name"] == "speaker"
    assert [option["name"] for option in speakers["answer"]] == ["pilot", "SPEAKER_01"]
    assert len(built([{"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": [speakers]}], "AUDIO",
                     classifications=[classification("checklist", "speaker", "pilot", "SPEAKER_01")])) == 1  # fmt: skip


@pytest.mark.parametrize(
    "record",
    [
        {"chunks": [{"timestamp": [0.5, 2.1], "text": " Go ahead."}]},
        {"transcription": [{"offsets": {"from": 500, "to": 2100}, "text": " Go ahead."}]},
        {"segments": [SEGMENT]},
    ],
)
def test_relatives_of_whisper_say_the_same(record: dict[str, Any], tmp_path: Path) -> None:
    (transcript,) = one("whisper", write(tmp_path, "a.json", record))

    assert transcript["answer"] == [{"value": "Go ahead.", "frames": [{"start": 500, "end": 2099}]}]


def test_a_transcript_on_video_counts_frames_and_needs_their_rate(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", {"segments": [SEGMENT]})

    (transcript,) = one("whisper", path, media="video", frame_rate=10.0)

    assert transcript["answer"][0]["frames"] == [{"start": 6, "end": 21}]
    for options, expected in (({"media": "video"}, "--frame-rate"), ({"media": "image"}, "expected audio or video")):
        with pytest.raises(UnreadableSource, match=expected):
            read("whisper", path, **options)


def test_a_segment_below_the_minimum_probability_of_its_tokens_is_left_out(tmp_path: Path) -> None:
    record = {"segments": [SEGMENT, SEGMENT | {"text": "Hm.", "avg_logprob": -2.0}]}

    (transcript,) = one("whisper", write(tmp_path, "a.json", record), mapping=PredictionMapping(confidence=0.5))

    assert [each["value"] for each in transcript["answer"]] == ["Go ahead."]


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ({"end": 0.1}, "segments[1]: end: expected not before start (0.5), found 0.1"),
        ({"start": None}, "segments[1]: start: expected a number"),
        ({"text": " "}, "segments[1]: text: expected a text that is not blank"),
        ({"avg_logprob": 3}, "segments[1]: avg_logprob: expected the logarithm"),
        ({"speaker": 7}, "segments[1]: speaker: expected a text"),
    ],
)
def test_a_bad_segment_is_named_and_the_others_are_read(segment: dict[str, Any], expected: str, tmp_path: Path) -> None:
    messages, bad = read("whisper", write(tmp_path, "a.json", {"segments": [SEGMENT, SEGMENT | segment]}))

    assert f"{bad[0].where}: {bad[0].problem}".startswith(f"a.json, {expected}")
    assert bad[0].key == "a"
    assert messages[0]["annotations"][0]["answer"][0]["value"] == "Go ahead."


def test_turns_of_pyannote_become_a_checklist() -> None:
    messages, bad = read("pyannote", EXAMPLES / "vhf-pyannote.json", global_key="{uri}.wav")

    assert (messages[0]["dataRow"], bad) == ({"globalKey": "vhf-12.wav"}, [])
    assert messages[0]["annotations"] == [
        {
            "name": "speaker",
            "answer": [
                {"name": "SPEAKER_00", "frames": [{"start": 500, "end": 2249}, {"start": 4000, "end": 4999}]},
                {"name": "SPEAKER_01", "frames": [{"start": 2000, "end": 3499}]},
            ],
        }
    ]


TURN = {"speaker": "a", "start": 0, "end": 1}


@pytest.mark.parametrize(
    "record", [{"diarization": [TURN]}, {"output": {"diarization": [TURN]}}, [TURN], [TURN | {"speaker": 0}]]
)
def test_other_forms_of_diarisation_are_read(record: Any, tmp_path: Path) -> None:
    (speakers,) = one("pyannote", write(tmp_path, "a.json", record))

    assert speakers["answer"][0]["frames"] == [{"start": 0, "end": 999}]


def test_turns_without_speaker_or_length_are_bad_records(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", {"diarization": [TURN | {"end": 0}, TURN | {"speaker": ""}, 7, TURN]})

    assert problems("pyannote", path) == [
        "a.json, diarization[0]: end: expected after start (0), found 0",
        "a.json, diarization[1]: speaker: expected a text that is not blank, found an empty text",
        "a.json, diarization[2]: the turn: expected an object, found 7",
    ]


# -- text --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "name", "options"),
    [
        ("spacy", "report-spacy.json", {}),
        ("huggingface-tokens", "report-entities.json", {}),
        ("conll", "report.bio", {"texts": EXAMPLES / "report.txt"}),
        ("brat", "report.ann", {}),
    ],
)
def test_real_entities_mark_the_words_in_the_text(form: str, name: str, options: dict[str, Any]) -> None:
    annotations = [each for each in one(form, EXAMPLES / name, **options) if each["name"].startswith("ship")]

    assert marked(annotations, REPORT) == SHIPS
    names = sorted({each["name"] for each in annotations})
    below = [classification("radio", "certainty", "sure")]
    assert len(built([{"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": annotations}], "TEXT",
                     tools=tool("named-entity", *names, classifications=below))) == 4  # fmt: skip


def test_spans_and_categories_of_spacy_become_entities_and_an_answer() -> None:
    annotations = one("spacy", EXAMPLES / "report-spacy.json")

    assert marked(annotations[-2:], REPORT) == ["The Lisbeth Vollmer"]
    assert annotations[-1] == {"name": "category", "answer": {"name": "arrival"}, "confidence": 0.91}


def test_several_categories_become_a_checklist_of_those_with_the_score_that_is_asked_for(tmp_path: Path) -> None:
    doc = {"text": "a", "tokens": [], "cats": {"calm": 0.9, "fog": 0.6, "snow": 0.1}}

    (answer,) = one("spacy", write(tmp_path, "a.json", doc), multi_label=0.5, question="weather")

    assert answer["name"] == "weather"
    assert answer["answer"] == [{"name": "calm", "confidence": 0.9}, {"name": "fog", "confidence": 0.6}]


def test_lines_of_documents_need_a_key_that_tells_them_apart(tmp_path: Path) -> None:
    docs = [{"text": "Lisbeth", "id": f"r-{at}", "ents": [{"start": 0, "end": 7, "label": "SHIP"}]} for at in range(2)]
    path = write(tmp_path, "docs.jsonl", "".join(json.dumps(doc) + "\n" for doc in docs) + "oops\n")

    for template, keys in (("{file}-{index}", ["docs-0", "docs-1"]), ("{id}.txt", ["r-0.txt", "r-1.txt"])):
        messages, bad = read("spacy", path, global_key=template)
        assert [each["dataRow"]["globalKey"] for each in messages] == keys
        assert [each.where for each in bad] == ["docs.jsonl, line 3"]
    with pytest.raises(UnreadableSource, match=r"type --global-key '\{file}-\{index}'"):
        read("spacy", path)
    assert (
        "name: expected a text or a whole number for the global key" in problems("spacy", path, global_key="{name}")[0]
    )


def test_a_folder_is_read_whole_and_a_bad_file_in_it_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a.json", {"segments": [SEGMENT]})
    write(tmp_path, "b.json", "{")
    write(tmp_path, "c.json", {"segments": [SEGMENT]})
    write(tmp_path, "notes.txt", "no transcript")

    messages, bad = read("whisper", tmp_path)

    assert [each["dataRow"]["globalKey"] for each in messages] == ["a", "c"]
    assert [each.where for each in bad] == ["b.json"]
    with pytest.raises(UnreadableSource, match=r"expected files that end with \.ann, found none"):
        read("brat", tmp_path)


def test_a_document_without_predictions_is_a_message_unless_all_it_has_is_bad(tmp_path: Path) -> None:
    write(tmp_path, "a.json", {"text": "a", "ents": []})
    write(tmp_path, "b.json", {"text": "b", "ents": [{"start": 0, "end": 9, "label": "x"}]})

    messages, bad = read("spacy", tmp_path)

    assert [(each["dataRow"]["globalKey"], each["annotations"]) for each in messages] == [("a", [])]
    assert [each.problem for each in bad] == ["end: expected at most the length of the text (1), found 9"]


def test_tokens_without_a_group_are_joined_by_their_prefixes(tmp_path: Path) -> None:
    tokens = [
        {"entity": tag, "score": score, "word": "x", "start": start, "end": end}
        for tag, score, start, end in [
            ("B-SHIP", 0.9, 0, 3),
            ("I-SHIP", 0.7, 3, 7),
            ("B-SHIP", 0.8, 8, 9),
            ("O", 0.9, 10, 11),
            ("PORT", 0.6, 12, 14),
        ]
    ]

    annotations = one("huggingface-tokens", write(tmp_path, "a.json", tokens))

    assert [(each["name"], each["location"], round(each["confidence"], 2)) for each in annotations] == [
        ("SHIP", {"start": 0, "end": 6}, 0.8),
        ("SHIP", {"start": 8, "end": 8}, 0.8),
        ("PORT", {"start": 12, "end": 13}, 0.6),
    ]


def test_outputs_of_a_pipeline_stand_for_one_input_or_for_many(tmp_path: Path) -> None:
    classes = [{"label": "calm", "score": 0.9}, {"label": "fog", "score": 0.1}]
    expected = [{"name": "label", "answer": {"name": "calm"}, "confidence": 0.9}]

    assert one("huggingface-labels", write(tmp_path, "a.json", classes)) == expected
    assert one("huggingface-labels", write(tmp_path, "b.json", [classes])) == expected
    messages, _ = read("huggingface-labels", tmp_path / "a.json", global_key="{file}-{index}")
    assert [each["annotations"][0]["answer"]["name"] for each in messages] == ["calm", "fog"]
    many = write(tmp_path, "c.json", [classes, classes])
    assert len(read("huggingface-labels", many, global_key="{index:03d}")[0]) == 2
    own = write(tmp_path, "d.jsonl", json.dumps({"id": "x", "output": classes}) + "\n")
    assert read("huggingface-labels", own, global_key="{id}")[0][0]["dataRow"] == {"globalKey": "x"}
    with pytest.raises(UnreadableSource, match="occurs twice, as in outputs for several inputs"):
        read("huggingface-labels", write(tmp_path, "e.json", [classes[0], classes[0]]))


def test_tokens_that_are_separated_by_one_space_have_the_characters_of_that_text() -> None:
    text = " ".join(line.split()[0] for line in (EXAMPLES / "report.bio").read_text().splitlines()[2:] if line)

    annotations = one("conll", EXAMPLES / "report.bio")

    assert marked(annotations, text) == [*SHIPS, "Ostermouth"]


def test_conllu_says_where_no_space_is(tmp_path: Path) -> None:
    annotations = one("conll", EXAMPLES / "report.conllu", global_key="{document}.txt")

    text = "The Lisbeth Vollmer came in at six. She saw the Annegret."
    assert marked(annotations, text) == ["Lisbeth Vollmer", "Annegret"]


@pytest.mark.parametrize("row", ["{token}\t{start}\t{end}\t{tag}", "{tag}\t{start}\t{end}\t{token}"])
def test_columns_with_characters_are_taken_as_they_are(row: str, tmp_path: Path) -> None:
    tokens = [("Lisbeth", 4, 11, "B-SHIP"), ("left", 14, 18, "O")]
    lines = [row.format(token=token, start=start, end=end, tag=tag) for token, start, end, tag in tokens]

    (entity,) = one("conll", write(tmp_path, "a.tsv", "\n".join(lines)))

    assert entity["location"] == {"start": 4, "end": 10}


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("B-S I-S O B-S", [(0, 2), (6, 6)]),  # IOB2
        ("I-S I-S O I-S", [(0, 2), (6, 6)]),  # IOB1
        ("B-S E-S O S-S", [(0, 2), (6, 6)]),  # BIOES
        ("B-S L-S O U-S", [(0, 2), (6, 6)]),  # BILOU
        ("B-S B-S O I-P", [(0, 0), (2, 2), (6, 6)]),
    ],
)
def test_every_scheme_of_tags_is_read(tags: str, spans: list[tuple[int, int]], tmp_path: Path) -> None:
    path = write(tmp_path, "a.bio", "".join(f"{at} {tag}\n" for at, tag in enumerate(tags.split())))

    locations = [each["location"] for each in one("conll", path)]

    assert [(each["start"], each["end"]) for each in locations] == spans


def test_documents_and_sentences_of_one_file_are_data_rows_of_their_own(tmp_path: Path) -> None:
    text = "-DOCSTART- O\n\nLisbeth B-S\n\nAnnegret B-S\n\n-DOCSTART- O\n\nRobbe B-S\n"
    path = write(tmp_path, "a.conll", text)

    def keys(template: str) -> list[str]:
        return [each["dataRow"]["globalKey"] for each in read("conll", path, global_key=template)[0]]

    assert keys("{file}-{document}") == ["a-0", "a-1"]
    assert keys("{sentence}") == ["0", "1", "2"]
    with pytest.raises(UnreadableSource, match=r"type --global-key '\{file}-\{document}'"):
        keys("{file}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("left", "expected 2 columns as in the lines before, found 1"),
        ("left X-Y", "tag: expected O, or B-, I-"),
        ("came O", "token: the text has 'left' here, not 'came'"),
    ],
)
def test_a_bad_token_makes_its_document_bad_since_those_after_it_have_no_place(
    line: str, expected: str, tmp_path: Path
) -> None:
    content = f"-DOCSTART- O\n\nLisbeth B-S\n{line}\nAnnegret B-S\n\n-DOCSTART- O\n\nLisbeth B-S\n"
    texts = write(tmp_path, "a.txt", "Lisbeth left Annegret")
    path = write(tmp_path, "a.conll", content)

    messages, bad = read("conll", path, global_key="{document}", texts=texts)

    assert [each["dataRow"]["globalKey"] for each in messages] == ["1"]
    assert f"{bad[0].where}: {bad[0].problem}".startswith(f"a.conll, line 4: {expected}")


def test_texts_are_looked_for_inside_their_folder_only(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    write(tmp_path, "secret", "Lisbeth")
    write(tmp_path / "texts", "r-1.txt", "  Lisbeth")
    path = write(tmp_path, "a.conllu", "# newdoc id = ../secret\nLisbeth\tB-S\n# newdoc id = r-1\nLisbeth\tB-S\n")

    messages, bad = read("conll", path, global_key="{document}", texts=tmp_path / "texts")

    assert [each["annotations"][0]["location"] for each in messages] == [{"start": 2, "end": 8}]
    assert "the text is missing" in bad[0].problem


def test_attributes_and_relations_of_brat_are_kept_under_uuids_that_stay() -> None:
    first, again = (one("brat", EXAMPLES / "report.ann") for _ in range(2))

    assert first == again
    assert first[0]["classifications"] == [{"name": "certainty", "answer": {"name": "sure"}}]
    assert first[-1]["relationship"] == {
        "source": first[0]["uuid"], "target": first[1]["uuid"], "type": "unidirectional"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("T1\tS 0 3;5 7\tLis th", "Labelbox has no entities with gaps"),
        ("T1\tS 0\tLisbeth", "expected a type, start and end"),
        ("T1\tS 1 8\tLisbeth", "is it another version of the text"),
        ("R1\tnear Arg1:T1 Arg2:T9", "expected the id of an entity, found 'T1'"),
        ("A1\tcertainty", "expected a name, an entity and perhaps a value"),
    ],
)
def test_bad_lines_of_brat_are_named(line: str, expected: str, tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "Lisbeth left")

    (problem,) = problems("brat", write(tmp_path, "a.ann", line + "\n"))

    assert problem.startswith("a.ann, line 1: ")
    assert expected in problem


# -- pages -------------------------------------------------------------------------------------------------------------

LINES = ["Logbook of the Lisbeth", "Left Cuxhaven at noon, wind south.", "Moored at berth 4."]


@pytest.mark.parametrize(
    ("form", "name", "options"),
    [
        ("hocr", "page.hocr", {}),
        ("alto", "page-alto.xml", {"dpi": 150.0}),
        ("paddleocr", "page-rapidocr.json", {"dpi": 150.0}),
    ],
)
def test_real_pages_of_ocr_become_boxes_in_points_with_their_words(
    form: str, name: str, options: dict[str, Any]
) -> None:
    annotations = one(form, EXAMPLES / name, text_feature="text", **options)

    assert [each["classifications"][0]["answer"] for each in annotations] == LINES
    assert all((each["name"], each["page"], each["unit"]) == ("line", 1, "POINTS") for each in annotations)
    tops = [each["bbox"]["top"] for each in annotations]
    assert tops == pytest.approx([42, 80.5, 195.8], abs=1.5)  # three tools agree on 600 pixels at 150 dpi
    below = [classification("text", "text")]
    message = {"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": annotations}
    assert len(built([message], "PDF", tools=tool("rectangle", "line", classifications=below))) == 3


@pytest.mark.parametrize(("form", "name"), [("hocr", "page.hocr"), ("alto", "page-alto.xml")])
def test_lines_become_entities_of_the_text_layer_that_has_their_ids(form: str, name: str) -> None:
    lines = one(form, EXAMPLES / name, ocr_as="entities")
    words = one(form, EXAMPLES / name, ocr_as="entities", level="word")

    assert [len(each["textSelections"][0]["tokenIds"]) for each in lines] == [4, 6, 4]
    assert len(words) == 14
    assert words[0]["textSelections"][0]["groupId"] == lines[0]["textSelections"][0]["groupId"]
    message = {"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": lines}
    assert len(built([message], "PDF", tools=tool("named-entity", "line"))) == 3


def test_levels_of_regions_are_chosen_and_pictures_have_boxes_without_pages() -> None:
    words = one("hocr", EXAMPLES / "page.hocr", level="word", media="image")
    blocks = one("doctr", EXAMPLES / "page-doctr.json", level="block")

    assert words[0] == {
        "name": "word", "bbox": {"top": 88.0, "left": 104.0, "height": 38.0, "width": 165.0}, "confidence": 0.96
    }  # fmt: skip
    assert (blocks[0]["name"], blocks[0]["page"], blocks[0]["unit"]) == ("block", 1, "PIXELS")


def test_pages_count_from_1_whatever_the_tool_counts_from(tmp_path: Path) -> None:
    def alto(*numbers: int) -> str:
        line = '<TextLine HPOS="1" VPOS="1" WIDTH="2" HEIGHT="3"/>'
        pages = "".join(f'<Page PHYSICAL_IMG_NR="{number}">{line}</Page>' for number in numbers)
        return f"<alto><Layout>{pages}</Layout></alto>"

    def pages(*numbers: int) -> list[int]:
        return [each["page"] for each in one("alto", write(tmp_path, "a.xml", alto(*numbers)))]

    assert pages(0, 1) == [1, 2]
    assert pages(1, 2) == [1, 2]
    assert pages(7, 8) == [7, 8]
    html = "<html>{}</html>".format(
        "".join(
            f"<div class='ocr_page' title='ppageno {at}'><span class='ocr_line' title='bbox 1 1 2 2'>a</span></div>"
            for at in (0, 3)
        )
    )
    assert [each["page"] for each in one("hocr", write(tmp_path, "a.hocr", html))] == [1, 4]


@pytest.mark.parametrize(("unit", "left"), [("mm10", 72.0), ("inch1200", 15.24)])
def test_lengths_of_alto_are_converted_to_points(unit: str, left: float, tmp_path: Path) -> None:
    content = (
        f"<alto><Description><MeasurementUnit>{unit}</MeasurementUnit></Description><Layout><Page>"
        '<TextLine HPOS="254" VPOS="254" WIDTH="254" HEIGHT="254"/></Page></Layout></alto>'
    )

    (line,) = one("alto", write(tmp_path, "a.xml", content))

    assert (line["bbox"]["left"], line["unit"]) == (left, "POINTS")


def test_named_entities_of_alto_become_entities_across_lines(tmp_path: Path) -> None:
    content = """<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Tags>
      <NamedEntityTag ID="NE1" LABEL="Lisbeth Vollmer" TYPE="ship"/></Tags><Layout><Page PHYSICAL_IMG_NR="1">
      <TextLine ID="l1">
        <String ID="s1" CONTENT="Lisbeth" TAGREFS="NE1" HPOS="1" VPOS="1" WIDTH="5" HEIGHT="5"/></TextLine>
      <TextLine ID="l2">
        <String ID="s2" CONTENT="Vollmer" TAGREFS="NE1" HPOS="1" VPOS="9" WIDTH="5" HEIGHT="5"/></TextLine>
      </Page></Layout></alto>"""
    path = write(tmp_path, "a.xml", content)
    only = PredictionMapping({"line": Target(drop=True)})

    (entity,) = one("alto", path, mapping=only)
    (box,) = one("alto", path, mapping=only, media="image")

    assert entity["name"] == "ship"
    assert entity["textSelections"] == [
        {"groupId": "l1", "tokenIds": ["s1"], "page": 1}, {"groupId": "l2", "tokenIds": ["s2"], "page": 1}
    ]  # fmt: skip
    assert box["bbox"] == {"top": 1.0, "left": 1.0, "height": 13.0, "width": 5.0}


LINE = [[[1, 2], [9, 2], [9, 6], [1, 6]], ["a", 0.9]]


@pytest.mark.parametrize(
    ("result", "pages"),
    [
        ([[LINE], None, [LINE]], [1, 3]),  # version 2, a document of three pages
        ([LINE], [1]),
        ([[LINE[0], "a", "0.9"]], [1]),  # RapidOCR
        ([{"box": LINE[0], "txt": "a", "score": 0.9}] * 2, [1, 1]),  # RapidOCR 3, to_json()
        ({"input_path": "a.png", "rec_texts": ["a"], "rec_scores": [0.9], "rec_polys": [LINE[0]]}, [1]),
        ({"page_index": 1, "rec_texts": ["a"], "rec_scores": [0.9], "rec_boxes": [[1, 2, 9, 6]]}, [2]),
    ],
)
def test_every_version_of_paddleocr_is_read(result: Any, pages: list[int], tmp_path: Path) -> None:
    annotations = one("paddleocr", write(tmp_path, "a.json", result))

    assert [each["page"] for each in annotations] == pages
    assert annotations[0]["bbox"] == {"top": 2, "left": 1, "height": 4, "width": 8}


@pytest.mark.parametrize(
    ("form", "file", "lines"),
    [
        ("hocr", "tesseract-5.3.hocr", 5),
        ("alto", "tesseract-5.3.xml", 5),
        ("hocr", "doctr-1.1.hocr", 2),
        ("paddleocr", "rapidocr-3.10.json", 2),
        ("paddleocr", "paddleocr-3.7.json", 2),
    ],
)
def test_pages_are_read_as_the_tools_wrote_them(form: str, file: str, lines: int) -> None:
    """The files are outputs of the programs in `tests/frameworks/programs`."""
    annotations = one(form, GOLDEN / file, text_feature="text")

    assert len(annotations) == lines
    assert all(each["classifications"][0]["answer"] and each["confidence"] > 0.5 for each in annotations)


def test_pages_that_were_saved_one_by_one_are_one_document(tmp_path: Path) -> None:
    for at in (0, 1):
        result = {"input_path": "/in/log.pdf", "page_index": at, "rec_texts": ["a"], "rec_scores": [0.9]}
        write(tmp_path, f"log_{at}_res.json", result | {"rec_polys": [LINE[0]]})

    messages, bad = read("paddleocr", tmp_path)

    assert ([each["dataRow"]["globalKey"] for each in messages], bad) == (["log"], [])
    assert [each["page"] for each in messages[0]["annotations"]] == [1, 2]


def test_bad_regions_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", [LINE, [[[1, 2], [1, 2]], ["b", 0.9]], [LINE[0], ["c", 7]], [LINE[0], [3, 0.5]]])

    assert problems("paddleocr", path) == [
        "a.json[1]: box: expected a width and height above 0, found 1, 2 to 1, 2",
        "a.json[2]: score: expected 0 to 1, found 7",
        "a.json[3]: text: expected a text, found 3",
    ]


@pytest.mark.parametrize(
    ("form", "content", "expected"),
    [
        ("alto", '<!DOCTYPE a [<!ENTITY b "c">]><alto>&b;</alto>', "declares a document type"),
        ("hocr", '<!DOCTYPE html [<!ENTITY b "c">]><html>&b;</html>', "declares a document type"),
        ("alto", "<html/>", "expected the root element alto, found 'html'"),
        ("alto", "<alto/>", "is it ALTO"),
        ("hocr", "<html/>", "is it hOCR"),
        ("hocr", "<html><br></html>", "not well-formed XML"),
        ("alto", "<alto>" + "<a>" * 200, "nested more than 100 deep"),
    ],
)
def test_xml_with_entities_or_of_another_kind_is_refused(
    form: str, content: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(UnreadableSource, match=expected):
        read(form, write(tmp_path, "a.xml", content))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"ocr_as": "entities"}, "the format has no ids"),
        ({"media": "audio"}, "expected document or image"),
        ({"dpi": 0.5}, "dots per inch"),
    ],
)
def test_options_that_do_not_fit_pages_are_refused(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UnreadableSource, match=expected):
        read("doctr", EXAMPLES / "page-doctr.json", **options)


# -- tables ------------------------------------------------------------------------------------------------------------


def test_rows_of_a_table_are_grouped_by_data_row() -> None:
    messages, bad = read("table", EXAMPLES / "vessels.csv")

    assert bad == []
    assert [(each["dataRow"]["globalKey"], len(each["annotations"])) for each in messages] == [
        ("harbour.png", 2), ("pier.png", 1)
    ]  # fmt: skip
    box = {"top": 20, "left": 10, "height": 40, "width": 30}
    assert messages[0]["annotations"][0] == {"name": "vessel", "confidence": 0.93, "bbox": box}


@pytest.mark.parametrize(
    ("head", "row", "annotation"),
    [
        ("key,class,left,top,width,height", "a,n,1,2,3,4", {"bbox": {"top": 2, "left": 1, "height": 4, "width": 3}}),
        (
            "key;class;left;top;right;bottom;page;unit",
            "a;n;1;2;4;6;1;POINTS",
            {"bbox": {"top": 2, "left": 1, "height": 4, "width": 3}, "page": 1, "unit": "POINTS"},
        ),
        ("key\tclass\tx\ty", "a\tn\t1\t2", {"point": {"x": 1, "y": 2}}),
        ("key,class,start,end", "a,n,4,11", {"location": {"start": 4, "end": 10}}),
        ("key,class,feature", "a,fog,n", {"answer": {"name": "fog"}}),
        ("key,class,text", 'a,n,"Go, now"', {"answer": "Go, now"}),
        (
            "key,class,feature,start_seconds,end_seconds",
            "a,pilot,n,0,1",
            {"answer": [{"name": "pilot", "frames": [{"start": 0, "end": 999}]}]},
        ),
    ],
)
def test_the_columns_of_a_row_say_what_it_is(head: str, row: str, annotation: dict[str, Any], tmp_path: Path) -> None:
    (found,) = one("table", write(tmp_path, "a.csv", f"{head}\n{row}\n"))

    assert found == {"name": "n"} | annotation


def test_columns_are_chosen_where_their_names_do_not_say_it(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "photo,thing,name,image\na,n,7,8\n")

    messages, _ = read("table", path, columns={"key": "photo", "class": "thing"}, global_key="cam/{key}.jpg")

    assert messages[0]["dataRow"] == {"globalKey": "cam/a.jpg"}
    for columns, expected in (
        ({"key": "nothing"}, "has no column 'nothing' for key"),
        ({"colour": "photo"}, "column of colour: expected one of key, class"),
    ):
        with pytest.raises(UnreadableSource, match=expected):
            read("table", path, columns=columns)
    with pytest.raises(UnreadableSource, match=r"'image' and 'path' may be the key: type --columns key=COLUMN"):
        read("table", write(tmp_path, "b.csv", "image,path,class\n1,2,3\n"))
    with pytest.raises(UnreadableSource, match=r"no column is the key, .*: type --columns key=COLUMN"):
        read("table", write(tmp_path, "c.csv", "a,class\n1,2\n"))


def test_a_row_can_have_all_of_a_data_row_in_json(tmp_path: Path) -> None:
    annotations = [{"name": "vessel", "point": {"x": 1, "y": 2}}, {"name": "gull", "point": {"x": 1, "y": 2}}]
    cell = json.dumps(annotations).replace('"', '""')
    path = write(tmp_path, "a.csv", f'key,annotations\na,"{cell}"\nb,[]\n')
    mapping = PredictionMapping({"vessel": Target("ship"), "gull": Target(drop=True)})

    messages, bad = read("table", path, mapping=mapping)

    assert bad == []
    assert [each["annotations"] for each in messages] == [[annotations[0] | {"name": "ship"}], []]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("a,n,x,2,3,4", 'left: expected a number, found the text "x"'),
        ("a,n,1,2,0,4", "box: expected a width and height above 0"),
        (",n,1,2,3,4", "key: expected a text or a whole number for the global key"),
        ("a,n,1", "expected 6 cells as in the first line, found 3"),
        ("a,n,nan,2,3,4", "left: expected a number"),
    ],
)
def test_bad_rows_are_named_and_the_others_are_read(row: str, expected: str, tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", f"key,class,left,top,width,height\nb,n,1,2,3,4\n{row}\n")

    messages, bad = read("table", path)

    assert [each["dataRow"]["globalKey"] for each in messages] == ["b"]
    assert f"{bad[0].where}: {bad[0].problem}".startswith(f"a.csv, row 2: {expected}")


@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrows"])
def test_parquet_and_arrow_say_the_same_as_csv(kind: str, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="the extra `table` is not installed")
    import pyarrow.csv
    import pyarrow.parquet

    table = pyarrow.csv.read_csv(EXAMPLES / "vessels.csv")
    path = tmp_path / f"vessels.{kind}"
    if kind == "parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        with (pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream)(str(path), table.schema) as writer:
            writer.write_table(table)

    assert read("table", path) == read("table", EXAMPLES / "vessels.csv")


def test_lists_of_arrow_are_annotations_without_the_keys_that_only_others_have(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="the extra `table` is not installed")
    import pyarrow.parquet

    annotations = [{"name": "a", "point": {"x": 1.0, "y": 2.0}}, {"name": "b", "answer": "yes"}]
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pa.table({"key": [7], "annotations": [annotations]}), path)

    messages, bad = read("table", path)

    assert (messages[0]["dataRow"], messages[0]["annotations"], bad) == ({"globalKey": "7"}, annotations, [])


def test_a_table_of_arrow_without_its_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)

    with pytest.raises(UnreadableSource, match=r"install pyarrow with pip install 'prelabel\[table\]'"):
        read("table", write(tmp_path, "a.parquet", b"PAR1"))
