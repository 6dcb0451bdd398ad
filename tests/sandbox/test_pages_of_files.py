"""The pages of documents, conversations and HTML: what they show of a file, and what they say if it cannot be read."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.sandbox.assets import ASSETS
from tests.support.sandbox.examples import HARBOUR, example
from tests.support.sandbox.file_server import FileServer
from tests.support.sandbox.hostile import HOSTILE, hostile_lines, hostile_ontology
from tests.support.sandbox.markup import Element, complaints
from tests.support.sandbox.pages import entries, only_row, page_of, row_page, rows_of
from tests.support.sandbox.process import SandboxProcess
from tests.support.sandbox.uploads import uploaded

CONVERSATION = (ASSETS / "vhf-12.json").read_bytes()
LAYER = (ASSETS / "logbook-text-layer.json").read_bytes()


@pytest.fixture(scope="module")
def files() -> Iterator[FileServer]:
    """Yield a server on this machine."""
    served: dict[str, bytes | int] = {
        "/chat.json?v=1": CONVERSATION,
        "/layer.json": LAYER,
        "/page.html": b"<h1>Served</h1>",
        "/text.txt": b"The Annegret left.",
        "/moved.json": 302,
        "/large.json": b" " * (8 << 20) + b"{}",
        "/deep.json": b'{"messages": {"a": {"content": ' + b"[" * 50_000,
        "/drip": b"{",
    }
    with closing(FileServer(served)) as server:
        yield server


def show(
    sandbox: SandboxProcess, project: str, media: str, row_data: object, *lines: object, **more: object
) -> Element:
    """Return the page of a data row `a` of this medium, with these lines."""
    text = row_data if isinstance(row_data, str) or row_data is None else json.dumps(row_data)
    rows = [{"globalKey": "a", **({} if text is None else {"rowData": text}), **more}]
    sandbox.project(project, HARBOUR, rows, mediaType=media)
    if lines:
        statuses = sandbox.statuses(project, "first", lines)
        assert [status["status"] for status in statuses] == ["SUCCESS"] * len(lines), statuses
    page = only_row(sandbox, project)
    assert complaints(page) == []
    return page


def note(page: Element) -> str:
    return page.one("p", of="note").text


def a(case: str, number: int = 0, /, **changes: object) -> dict[str, object]:
    return example(case, number, dataRow={"globalKey": "a"}, **changes)


def test_a_document_is_drawn_as_sheets_with_words_boxes_and_entities(harbour: SandboxProcess) -> None:
    page = row_page(harbour, "logbooks", "logbook/1987-04.pdf")
    first, second = page.all("figure", of="sheet")
    assert [first.one("h3").text, second.one("h3").text] == ["Page 1", "Page 2"]
    words = [word.text for word in first.one("g", of="tokens").all("text")]
    assert words[:7] == ["Harbour", "log", "of", "Ostermouth", "April", "1987,", "kept"]
    assert [len(sheet.all("g", of="shape")) for sheet in (first, second)] == [8, 2]
    assert len(first.all("g", of="words")) == 6
    assert first.one("g", id="s1").one("path").attributes["d"] == "M68 113H470V147H68Z"
    assert len(page.all("g", of="link")) == 1
    assert page.one("a", href="/assets/logbook.pdf").attributes["rel"] == "noreferrer noopener"
    assert "finding entity “Two crates of deck load were damaged”, page 1, 5 tokens; page 1, 2 tokens" in entries(page)


def test_a_document_whose_files_were_uploaded_is_linked_and_drawn(sandbox: SandboxProcess, project: str) -> None:
    """`dataset add` uploads the local files that a document names."""
    pdf, layer = uploaded(sandbox, (ASSETS / "logbook.pdf").read_bytes()), uploaded(sandbox, LAYER)
    page = show(sandbox, project, "PDF", {"pdf_url": pdf, "text_layer_url": layer})
    assert page.all("p", of="note") == []
    assert page.one("a", href=pdf.removeprefix(sandbox.url)).text
    assert len(page.all("figure", of="sheet")) == 2


def test_a_conversation_is_drawn_as_a_chat_with_entities_and_answers(harbour: SandboxProcess) -> None:
    page = row_page(harbour, "vhf-12", "vhf-12/2031-02-11.json")
    messages = page.all("article", of="message")
    assert [message.one("strong").text for message in messages[:2]] == ["Lisbeth Vollmer", "Ostermouth Port"]
    assert ["right" in message.attributes["class"].split() for message in messages] == [False, True] * 3
    third = messages[2]
    assert third.one("header").text == "Lisbeth Vollmer m-3"
    assert [label.text for label in third.all("span", of="label")] == ["request", "berth"]
    assert [mark.text for mark in third.all("li", of="mark")] == [
        "tone urgent reason weather traffic",
        "topics berth pilot",
    ]
    assert "weather radio fog" in entries(page)


def test_a_chat_with_models_has_its_replies_side_by_side_with_their_evaluations(harbour: SandboxProcess) -> None:
    page = row_page(harbour, "model-replies", "replies/high-water.json")
    turns = page.one("ol", of="chat").all("li", of="turn")
    assert [len(turn.all("article")) for turn in turns] == [1, 2, 1, 2]
    first, second = turns[1].all("article")
    assert (first.one("strong").text, second.one("strong").text) == ("tide-7b", "tide-13b")
    assert [mark.text for mark in second.all("li", of="mark")] == [
        "best reply selected",
        "usable replies selected",
        "reply order 1st of 2",
    ]
    assert "reply order 2nd of 2" in [mark.text for mark in first.all("li", of="mark")]


def test_an_html_asset_is_shown_in_a_frame_that_runs_and_loads_nothing(harbour: SandboxProcess) -> None:
    link = rows_of(harbour, "notices")["notices/441.html"].attributes["href"]
    page = harbour.http.get(harbour.url + link)
    assert "; frame-src 'self'" in page.headers["content-security-policy"]
    frame = page_of(harbour, link).one("iframe")
    assert frame.attributes["sandbox"] == ""
    framed = harbour.http.get(harbour.url + frame.attributes["src"])
    assert framed.text == (ASSETS / "notice.html").read_text()
    assert framed.headers["content-type"] == "text/html; charset=utf-8"
    policy = framed.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "form-action 'none'", "frame-ancestors 'self'", "sandbox"} <= set(policy)
    assert not [rule for rule in policy if rule.startswith("script-src") or "*" in rule or "http" in rule]


def test_only_the_page_of_an_html_asset_may_have_a_frame(harbour: SandboxProcess) -> None:
    for project in ("harbour-images", "logbooks", "vhf-12"):
        (link, *_) = rows_of(harbour, project).values()
        policy = harbour.http.get(harbour.url + link.attributes["href"]).headers["content-security-policy"]
        assert "frame-src" not in policy


def test_row_data_may_be_the_object_itself(sandbox: SandboxProcess, project: str) -> None:
    page = show(sandbox, project, "CONVERSATIONAL", json.loads(CONVERSATION))
    assert len(page.all("article")) == 6
    files = {"pdf_url": uploaded(sandbox, b"%PDF", "a.pdf"), "text_layer_url": uploaded(sandbox, LAYER, "a.json")}
    page = show(sandbox, project, "PDF", files)
    assert len(page.all("figure", of="sheet")) == 2
    page = show(sandbox, project, "HTML", "<p>Inline</p>", a("HTML-1"))
    framed = sandbox.http.get(sandbox.url + page.one("iframe").attributes["src"])
    assert framed.text == "<p>Inline</p>"


def test_files_are_read_from_a_server_on_this_machine(sandbox: SandboxProcess, project: str, files: FileServer) -> None:
    assert len(show(sandbox, project, "CONVERSATIONAL", f"{files.url}/chat.json?v=1").all("article")) == 6
    document = {"pdf_url": f"{files.url}/a.pdf", "text_layer_url": f"{files.url}/layer.json"}
    assert len(show(sandbox, project, "PDF", document).all("figure", of="sheet")) == 2
    port = files.url.rpartition(":")[2]
    assert "Served" in show(sandbox, project, "HTML", f"http://localhost:{port}/page.html").one("pre").text
    assert show(sandbox, project, "TEXT", f"{files.url}/text.txt").one("p", of="text").text == "The Annegret left."


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (None, "its address is not known"),
        ("/assets/gone.json", "the sandbox has no file at /assets/gone.json"),
        ("gs://bucket/a.json", "its address is none that pages may read: gs://bucket/a.json"),
        (
            "https://x.example/a.json?signature=s3cret",
            "it is at https://x.example: pages read only files of the sandbox",
        ),
        ("http://x.example/a.json", "it is at http://x.example: pages read only files of the sandbox"),
        ("http://10.0.0.1/a.json", "it is at http://10.0.0.1: pages read only files of the sandbox"),
        ("{files}/gone.json", "answered 404"),
        ("{files}/moved.json", "answered 302"),
        ("{files}/large.json", "it has more than 8,192 KiB"),
        ("{files}/deep.json", "it is nested too deeply"),
        ("{files}/page.html", "its form is another one (JSON is malformed"),
        ("{free}/a.json", "did not answer: ConnectionRefusedError"),
        ("{}", "its form is another one (Object missing required field `messages`)"),
    ],
)
def test_a_conversation_that_cannot_be_read_says_why_and_keeps_its_answers(
    sandbox: SandboxProcess, project: str, files: FileServer, address: str | None, reason: str
) -> None:
    with socket.socket() as bound:  # it does not listen
        bound.bind(("127.0.0.1", 0))
        free = f"http://127.0.0.1:{bound.getsockname()[1]}"
        row_data = address and address.replace("{files}", files.url).replace("{free}", free)
        page = show(
            sandbox, project, "CONVERSATIONAL", row_data, a("CENT-1"), a("MSG-1"), messages=["m-1", "m-2", "m-3"]
        )
    assert note(page).startswith("The conversation cannot be read: ")
    assert reason in note(page)
    assert [message.one("span", of="id").text for message in page.all("article")] == ["m-1", "m-2", "m-3"]
    assert page.all("article")[0].text.startswith("Message m-1 Its text is not known.")
    assert len(page.all("li", of="mark")) == 1
    assert entries(page)[0].endswith("message m-2 not drawn")


def test_a_server_that_never_ends_does_not_keep_a_page_waiting(
    sandbox: SandboxProcess, project: str, files: FileServer
) -> None:
    assert "did not answer: TimeoutError" in note(show(sandbox, project, "CONVERSATIONAL", f"{files.url}/drip"))


def test_a_page_that_names_a_page_does_not_lead_to_a_circle(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, HARBOUR, [{"globalKey": "a"}], mediaType="CONVERSATIONAL")
    own = rows_of(sandbox, project)["a"].attributes["href"]
    port = sandbox.url.rpartition(":")[2]
    page = show(
        sandbox, project, "CONVERSATIONAL", f"http://LOCALHOST:{port}{own}"
    )  # in capitals, it is not taken for its own
    assert "its form is another one (JSON is malformed" in note(page)


def test_a_document_without_a_text_layer_says_so_and_has_its_boxes(
    sandbox: SandboxProcess, project: str, files: FileServer
) -> None:
    lines = [a("DBOX-1"), a("DENT-1")]
    page = show(sandbox, project, "PDF", "https://x.example/a.pdf", *lines, pages=9)
    assert note(page).startswith("The row data name no text layer. So pages are drawn without their text")
    assert page.one("a", href="https://x.example/a.pdf").text == "https://x.example/a.pdf"
    assert len(page.all("g", of="shape")) == 1
    assert "8 other pages without pre-labels are not drawn." in page.text
    assert entries(page)[1].endswith("page 1, 1 token not drawn")
    document = {"pdf_url": "/assets/gone.pdf", "text_layer_url": f"{files.url}/gone.json"}
    notes = [each.text for each in show(sandbox, project, "PDF", document).all("p", of="note")]
    assert notes[0] == "The sandbox has no file at /assets/gone.pdf."
    assert notes[1].startswith("The text layer cannot be read: ")
    assert "answered 404" in notes[1]


def test_a_text_or_a_page_that_cannot_be_read_says_why(
    sandbox: SandboxProcess, project: str, files: FileServer
) -> None:
    for media in ("TEXT", "HTML"):
        assert "answered 404" in note(show(sandbox, project, media, f"{files.url}/gone"))
        assert "it is at https://x.example" in note(show(sandbox, project, media, "https://x.example/a"))
    link = rows_of(sandbox, project)["a"].attributes["href"]
    assert "The page cannot be read" in page_of(sandbox, f"{link}/page.html", 404).text


def test_files_are_not_markup(sandbox: SandboxProcess, project: str) -> None:
    """Neither words of a text layer nor messages nor names of authors become elements."""
    key = HOSTILE[:150]
    geometry = {"left": 1, "top": 1, "width": 9, "height": 9}
    tokens = [{"id": HOSTILE, "content": HOSTILE, "geometry": geometry}]
    layer = [{"number": 1, "groups": [{"id": HOSTILE, "tokens": tokens}]}]
    said = {"messageId": HOSTILE, "content": HOSTILE, "user": {"name": HOSTILE}, "align": HOSTILE}
    chat = {
        "messages": {HOSTILE: {"actorId": HOSTILE, "content": [{"type": HOSTILE, "content": HOSTILE}]}},
        "actors": {HOSTILE: {"role": HOSTILE, "metadata": {"modelConfigName": HOSTILE}}},
    }
    assets = [
        ("PDF", {"pdf_url": HOSTILE, "text_layer_url": uploaded(sandbox, json.dumps(layer).encode(), "a.json")}),
        ("CONVERSATIONAL", {"messages": [said]}),
        ("CONVERSATIONAL", chat),
        ("CONVERSATIONAL", {"messages": HOSTILE}),
        ("HTML", HOSTILE),
    ]
    for number, (media, row_data) in enumerate(assets):
        text = row_data if isinstance(row_data, str) else json.dumps(row_data)
        sandbox.project(project, hostile_ontology(), [{"globalKey": key, "rowData": text}], mediaType=media)
        sandbox.statuses(project, str(number), hostile_lines(key))
        page = page_of(sandbox, rows_of(sandbox, project)[key].attributes["href"])
        assert [each.attributes for each in page.all("script")] == [{"src": "/static/row.js", "defer": ""}]
        assert page.all("img") == []
        assert [each.attributes for each in page.all() if any(name.startswith("on") for name in each.attributes)] == []
        assert "55433" not in page.one("main").text
        assert complaints(page) == []


@pytest.mark.parametrize(
    ("case", "of"),
    [("DBOX-1", "sheets"), ("DENT-1", "sheets"), ("CENT-1", "chat"), ("MSG-1", "chat"), ("MMC-1", "chat")],
)
def test_a_project_without_a_media_type_is_drawn_as_its_annotations_are(
    sandbox: SandboxProcess, project: str, case: str, of: str
) -> None:
    sandbox.project(project, HARBOUR, [{"globalKey": "a"}], mediaType=None)
    sandbox.statuses(project, "first", [a(case)])
    assert len(only_row(sandbox, project).all(of=of)) == 1
