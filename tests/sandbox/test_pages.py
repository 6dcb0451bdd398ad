"""The HTML of the pages: what they show, that no text of others becomes markup, and how much work they need."""

import json
import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.sandbox.assets import ASSETS, PROJECTS
from tests.support.sandbox.cars import CARS, car
from tests.support.sandbox.examples import EXAMPLES, HARBOUR, example
from tests.support.sandbox.hostile import HOSTILE, hostile_lines, hostile_ontology
from tests.support.sandbox.markup import Element, complaints, parsed_page
from tests.support.sandbox.pages import counts_of, entries, only_row, page_of, row_page, rows_of
from tests.support.sandbox.process import SandboxProcess, ndjson
from tests.support.sandbox.uploads import uploaded


def test_projects_are_listed_with_what_is_in_them(harbour: SandboxProcess) -> None:
    page = page_of(harbour, "/")
    texts = [each.text for each in page.one("tbody").all("tr")]
    assert len(texts) >= len(PROJECTS), "other tests may have added some"
    assert texts[0].startswith("Harbour images harbour-images IMAGE 16 1 ")


def test_a_project_shows_its_classes_and_how_many_pre_labels_each_data_row_has(harbour: SandboxProcess) -> None:
    page = page_of(harbour, "/projects/harbour-images")
    assert "vessel rectangle" in [each.text for each in page.one("ul", of="classes").all("li")]
    assert ".c1{--class:#e8590c}" in page.one("style").text
    counts = [each.text for each in page.one("tbody").all("tr")]
    assert counts[:3] == [
        "pier-7/cam-2/000184.png 1280 × 800 px 13",
        "pier-7/cam-2/000185.png 1280 × 800 px 3",
        "pier-7/cam-2/000186.png 1280 × 800 px 0",
    ]


def test_data_rows_are_found_by_a_part_of_their_global_key(harbour: SandboxProcess) -> None:
    assert list(rows_of(harbour, "harbour-images", "?search=00018_")) == []
    assert list(rows_of(harbour, "harbour-images", "?search=CAM-2/000189")) == ["pier-7/cam-2/000189.png"]


def test_an_image_has_its_annotations_drawn_in_the_colour_of_their_class(harbour: SandboxProcess) -> None:
    page = row_page(harbour, "harbour-images", "pier-7/cam-2/000184.png")
    assert page.one("img", of="asset").attributes["src"] == "/assets/harbour.png"
    drawing = page.one("svg", of="drawing")
    assert drawing.attributes["viewbox"] == "0 0 1280.0 800.0"
    paths = [each.all("path")[1].attributes["d"] for each in drawing.all("g", of="shape c1")]
    assert paths == ["M186 278L614 278L614 496L186 496Z", "M766 280L984 280L984 392L766 392Z"]
    assert len(drawing.all("g", of="shape dot")) == 3
    assert len(drawing.all("g", of="link")) == 1
    assert [each.text for each in drawing.one("g", of="names").all("text")].count("mooring rope") == 2


def test_annotations_are_listed_with_names_places_and_nested_answers(harbour: SandboxProcess) -> None:
    listed = entries(row_page(harbour, "harbour-images", "pier-7/cam-2/000184.png"))
    assert (
        "vessel box hull state damaged damage dent rust deck load crates hull number LV-2207 428 × 218 at 186, 278"
        in listed
    )
    assert "moored at relationship vessel → bollard" in listed
    assert "weather radio fog density light" in listed


def test_masks_are_drawn_by_their_colour_from_the_line_itself(harbour: SandboxProcess) -> None:
    page = row_page(harbour, "harbour-images", "pier-7/cam-2/000184.png")
    mask = page.one("g", of="masks").all("image")[0]
    image = harbour.http.get(f"{harbour.url}{mask.attributes['href']}")
    assert image.content == (ASSETS / "harbour-masks.png").read_bytes()
    assert image.headers["content-type"] == "image/png"
    (chosen,) = page.all("filter", id=mask.attributes["filter"][5:-1])
    tables = [each.attributes["tablevalues"].split() for each in chosen.one("fecomponenttransfer").all()]
    assert [[place for place, value in enumerate(table) if value == "1"] for table in tables] == [[0], [120], [255]]


def test_a_missing_asset_leaves_a_canvas_of_the_known_size(harbour: SandboxProcess) -> None:
    page = row_page(harbour, "harbour-images", "pier-7/cam-2/000185.png")
    assert page.all("img") == []
    assert page.one("svg", of="drawing").attributes["viewbox"] == "0 0 1280.0 800.0"
    assert len(page.all("g", of="shape")) == 3


def test_a_canvas_of_unknown_size_holds_the_annotations(sandbox: SandboxProcess, project: str) -> None:
    sandbox.statuses(project, "a", [car(1, bbox={"top": 100, "left": 300, "height": 100, "width": 700})])
    drawing = only_row(sandbox, project).one("svg", of="drawing")
    assert drawing.attributes["viewbox"] == "0 0 1050.0 210.0"
    assert "data-guessed" in drawing.attributes


def test_a_shape_of_very_many_points_is_drawn_with_fewer(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, HARBOUR)
    points = [{"x": number % 700, "y": number // 700} for number in range(60_000)]
    sandbox.statuses(project, "a", [example("POLY-1", polygon=points)])
    page = only_row(sandbox, project)
    assert page.one("g", of="shape").one("path", of="edge").attributes["d"].count("L") < 50_000
    assert entries(page) == ["quay area polygon 60000 points from 0, 0 drawn with fewer points"]


def test_masks_are_loaded_from_a_bounded_number_of_hosts(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, HARBOUR)
    lines = [
        example(
            "MASK-1",
            uuid=car(n)["uuid"],
            mask={"instanceURI": f"https://h{n}.example.org/1.png", "colorRGB": [n, 0, 9]},
        )
        for n in range(30)
    ]
    sandbox.statuses(project, "a", lines)
    link = rows_of(sandbox, project)["pier-7/cam-2/000184.jpg"]
    response = sandbox.http.get(sandbox.url + link.attributes["href"])
    assert response.headers["content-security-policy"].split("; ")[3].count("https://") == 20
    page = parsed_page(response.text)
    assert len(page.one("g", of="masks").all("image")) == 20
    note = "not drawn: a page loads from at most 20 hosts"
    assert [text.endswith(note) for text in entries(page)] == [False] * 20 + [True] * 10


def test_entities_that_overlap_are_all_highlighted(harbour: SandboxProcess) -> None:
    page = row_page(harbour, "harbour-reports", "reports/2031-02-11.txt")
    text = page.one("p", of="text")
    highlighted: dict[str, str] = {}
    for mark in text.all("mark"):
        number = mark.attributes["data-entry"]
        own = "".join(each for each in _texts(mark))
        highlighted[number] = highlighted.get(number, "") + own
    assert "thin oil film off the old slipway, between the north quay" in highlighted.values()
    assert "old slipway" in highlighted.values()
    assert "berth 4, north quay" in highlighted.values()
    assert list(highlighted.values()).count("north quay") == 2
    assert "".join(_texts(text, skip="label")) == (ASSETS / "report.txt").read_text()


def _texts(element: Element, skip: str = "") -> Iterator[str]:
    for each in element.inside:
        if isinstance(each, str):
            yield each
        elif skip != each.attributes.get("class", "").split(" ")[0]:
            yield from _texts(each, skip)


def test_an_entity_behind_the_end_of_its_text_is_listed_and_not_shown(sandbox: SandboxProcess, project: str) -> None:
    rows = [{"globalKey": "t", "rowData": "Short."}]
    sandbox.project(project, HARBOUR, rows, mediaType="TEXT")
    sandbox.statuses(project, "a", [example("ENT-1", dataRow={"globalKey": "t"}, location={"start": 40, "end": 44})])
    page = only_row(sandbox, project)
    assert page.all("mark") == []
    assert entries(page) == ["ship name entity characters 40–44 not drawn"]


def test_a_video_has_its_tracks_and_keyframes_for_the_slider(harbour: SandboxProcess) -> None:
    page = row_page(harbour, "lock-video", "lock-3/2031-02-11T08.webm")
    film = json.loads(page.one("script", id="film").text)
    vessel, bollard, _ = film["tracks"]
    assert vessel["segments"][1] == [[62, [322, 148, 156, 80]], [72, [372, 148, 156, 80]]]
    assert (bollard["kind"], bollard["segments"][0][0]) == ("point", [1, [568, 252]])
    assert page.one("input", id="frame").attributes["max"] == "72"
    entry = page.one("g", of="masks").one("image").attributes["data-entry"]
    assert list(film["masks"][entry]) == [str(frame) for frame in range(20, 41)]
    assert [each.one("th").text for each in page.one("table", of="timeline").all("tr", of="lane")] == [
        "light: day",
        "events: horn",
        "events: splash",
    ]


def test_the_mask_of_each_frame_has_an_address(harbour: SandboxProcess) -> None:
    page = row_page(harbour, "lock-video", "lock-3/2031-02-11T08.webm")
    (frames,) = json.loads(page.one("script", id="film").text)["masks"].values()
    assert harbour.http.get(f"{harbour.url}{frames['33']}").content.startswith(b"\x89PNG")
    for wrong in (frames["33"].replace("33.png", "99.png"), frames["33"].replace("33.png", "x.png")):
        assert harbour.http.get(f"{harbour.url}{wrong}").status_code == 404


def test_answers_of_a_recording_stand_on_a_timeline_nested_ones_too(harbour: SandboxProcess) -> None:
    page = row_page(harbour, "vhf-recordings", "vhf-rec/2031-02-11.wav")
    lanes = {each.one("th").text: each for each in page.all("tr", of="lane")}
    assert "speaker: pilot › mood: hurried" in lanes
    tower = lanes["speaker: tower"]
    places = [(each.attributes["x"], each.attributes["width"]) for each in tower.all("rect", of="interval")]
    assert places == [("0.0", "200.0"), ("758.33", "158.33")]
    assert [each.text for each in tower.all("button")] == ["0:00–0:02.4", "0:09.1–0:11"]


def test_media_that_are_not_drawn_are_tables(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, HARBOUR, [{"globalKey": "prompts/17"}], mediaType="LLM_PROMPT_RESPONSE_CREATION")
    sandbox.statuses(project, "a", [example("PROMPT-1"), example("PROMPT-2")])
    assert [each.text for each in only_row(sandbox, project).one("tbody").all("tr")] == [
        "task prompt prompt the whole data row Explain the tide table to a ten-year-old.",
        "reply quality response-radio the whole data row good",
    ]


MEDIA = [
    *("IMAGE", "VIDEO", "TEXT", "AUDIO", "HTML", "TMS_GEO", "PDF", "CONVERSATIONAL", "DICOM", "LLM_PROMPT_CREATION"),
    "HOLOGRAM",
]


@pytest.mark.parametrize("media", MEDIA)
def test_every_line_that_is_taken_has_a_page_that_shows_it(sandbox: SandboxProcess, project: str, media: str) -> None:
    """Import all examples of docs/reference/labelbox-format.md, for every medium that accepts them."""
    lines = [line for case in EXAMPLES for line in case["lines"]]
    sandbox.project(project, HARBOUR, mediaType=media)
    statuses = sandbox.statuses(project, "all", lines)
    shown = 0
    for link in rows_of(sandbox, project).values():
        page = page_of(sandbox, link.attributes["href"])
        assert complaints(page) == []
        shown += len(entries(page)) + sum(len(each.one("tbody").all("tr")) for each in page.all("table", of="plain"))
    taken = {each["uuid"] for each in statuses if each["status"] == "SUCCESS"}
    assert shown == len(taken) > 0


def test_imports_are_listed_newest_first_with_their_state(harbour: SandboxProcess, sandbox: SandboxProcess) -> None:
    texts = [each.text for each in page_of(harbour, "/projects/harbour-images/imports").one("tbody").all("tr")]
    assert texts[0].startswith("first FINISHED some refused")
    project = "cimportlist"
    sandbox.project(project, CARS)
    sandbox.statuses(project, "fine", [car()])
    sandbox.upload(project, "broken", b"{")
    sandbox.ended(project, "broken")
    sandbox.control("POST", "/faults", {"fault": "stuck-running", "seconds": 60, "project": project})
    sandbox.upload(project, "stuck", ndjson([car()]))
    texts = [each.text for each in page_of(sandbox, f"/projects/{project}/imports").one("tbody").all("tr")]
    assert [text.split(" 20")[0] for text in texts] == [
        "stuck RUNNING 50% 50% not judged yet",
        "broken FAILED none accepted",
        "fine FINISHED all accepted",
    ]


def imported(sandbox: SandboxProcess, project: str, name: str) -> str:
    found = page_of(sandbox, f"/projects/{project}/imports").all("a", of="id")
    return next(each.attributes["href"] for each in found if each.text == name)


def test_an_import_shows_refused_lines_first_with_their_reasons(harbour: SandboxProcess) -> None:
    page = page_of(harbour, imported(harbour, "harbour-images", "first"))
    lines = [each.text for each in page.one("tbody").all("tr")]
    assert [line.split()[0] for line in lines] == ["FAILURE"] * 4 + ["SUCCESS"] * 16
    assert "ValidationError Ontology does not contain name: tugboat" in lines[2]


def test_an_import_that_failed_as_a_whole_says_why(sandbox: SandboxProcess, project: str) -> None:
    files = {b"{": "", b'{"name": "NaN"}\n{"bbox": [1, -Infinity]}\n': ": bbox[1] is -Infinity"}
    for number, (content, why) in enumerate(files.items(), 1):
        sandbox.upload(project, f"broken-{number}", content)
        sandbox.ended(project, f"broken-{number}")
        page = page_of(sandbox, imported(sandbox, project, f"broken-{number}"))
        assert page.one("p", of="note bad").text == f"The whole import failed: line {number} is not JSON{why}"


def test_status_lines_are_paged_and_no_line_is_missing_or_doubled(sandbox: SandboxProcess, project: str) -> None:
    lines = [car(number) if number % 2 else car(number, name="tram") for number in range(250)]
    sandbox.statuses(project, "many", lines)
    path = imported(sandbox, project, "many")
    pages = [page_of(sandbox, f"{path}?page={number}") for number in (1, 2, 3)]
    rows = [each.all("td") for page in pages for each in page.one("tbody").all("tr")]
    assert [row[0].text for row in rows] == ["FAILURE"] * 125 + ["SUCCESS"] * 125
    assert {row[3].text for row in rows} == {line["uuid"] for line in lines}
    assert page_of(sandbox, f"{path}?page=99").all("tr") != []


def test_a_pre_label_that_is_imported_again_is_counted_at_its_current_data_row(
    sandbox: SandboxProcess, project: str
) -> None:
    sandbox.project(project, CARS, ["a", "b"])
    sandbox.statuses(project, "1", [car(1, "a"), car(2, "a")])
    assert counts_of(sandbox, project) == {"a": 2, "b": 0}
    sandbox.statuses(project, "2", [car(1, "b"), car(2, "a", bbox={"top": 1, "left": 1, "height": 1, "width": 1})])
    assert counts_of(sandbox, project) == {"a": 1, "b": 1}
    assert entries(row_page(sandbox, project, "a")) == ["car box 1 × 1 at 1, 1"]
    # Refused: the earlier one stays where it is.
    sandbox.statuses(project, "3", [car(2, "a", name="tram"), car(2, "b", name="tram")])
    assert counts_of(sandbox, project) == {"a": 1, "b": 1}


def test_a_data_row_has_what_came_by_its_id_and_by_its_key(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, CARS, ["a"])
    (status,) = sandbox.statuses(project, "1", [car(1, "a")])
    sandbox.statuses(project, "2", [car(2, dataRow={"id": status["dataRow"]["id"]})])
    assert counts_of(sandbox, project) == {"a": 2}
    assert len(entries(row_page(sandbox, project, "a"))) == 2


def test_a_project_of_any_rows_lists_those_that_imports_named(sandbox: SandboxProcess, project: str) -> None:
    sandbox.statuses(project, "1", [car(1, "id:x/1"), car(2, dataRow={"id": "c/ñ?&"}), car(3, "refused", name="tram")])
    assert counts_of(sandbox, project) == {"id:x/1": 1, "c/ñ?&": 1, "refused": 0}
    for key in ("id:x/1", "c/ñ?&"):
        assert len(entries(row_page(sandbox, project, key))) == 1


def test_lists_are_paged_and_addresses_beyond_them_lead_to_the_last_page(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, CARS, [f"k{number:03}" for number in range(120)])
    assert len(rows_of(sandbox, project)) == 50
    for query in ("?page=3", "?page=77"):
        assert next(iter(rows_of(sandbox, project, query))) == "k100"
    page = page_of(sandbox, f"/projects/{project}?search=k0&page=2")
    assert page.one("a", rel="prev").attributes["href"] == f"/projects/{project}?search=k0&page=1"
    for odd in ("?page=-1", "?page=x", "?page=%D9%A3", "?page=" + "9" * 30):
        assert next(iter(rows_of(sandbox, project, odd))) == "k000"


def test_a_crowded_data_row_is_paged(sandbox: SandboxProcess, project: str) -> None:
    sandbox.statuses(project, "crowd", [car(number, "crowded") for number in range(1200)])
    first, last = (row_page(sandbox, project, "crowded", f"?page={number}") for number in (1, 3))
    assert (len(entries(first)), len(first.all("g", of="shape"))) == (500, 500)
    assert len(entries(last)) == 200
    assert "1,001–1,200 of 1,200 pre-labels" in last.text


@pytest.mark.parametrize("media", ["IMAGE", "VIDEO", "TEXT", "AUDIO", "PDF", "CONVERSATIONAL", "HOLOGRAM"])
def test_nothing_of_a_project_or_an_annotation_is_markup(sandbox: SandboxProcess, project: str, media: str) -> None:
    key = HOSTILE[:150]
    rows = [{"globalKey": key, "rowData": HOSTILE}]
    sandbox.project(project, hostile_ontology(), rows, name=HOSTILE, mediaType=media)
    sandbox.statuses(project, HOSTILE, hostile_lines(key))
    paths = ["/", f"/projects/{project}", f"/projects/{project}/imports"]
    paths += [imported(sandbox, project, HOSTILE), rows_of(sandbox, project)[key].attributes["href"]]
    for path in paths:
        page = page_of(sandbox, path)
        assert [each.attributes for each in page.all("script") if not harmless(each)] == []
        assert [each.attributes for each in page.all() if any(name.startswith("on") for name in each.attributes)] == []
        assert [each.attributes for each in page.all("img")] == []
        assert re.findall(r"[^-.:;#{}\w]", "".join(each.text.replace(" ", "") for each in page.all("style"))) == []
        assert "55433" not in page.one("main").text
        assert complaints(page) == []


def harmless(script: Element) -> bool:
    if script.attributes.get("type") == "application/json":
        return "<" not in script.text
    return script.attributes.get("src", "").startswith("/static/") and not script.text


@pytest.mark.parametrize(
    ("address", "shown", "origin"),
    [
        ("https://images.example.org/a b.png", None, None),
        (
            "https://images.example.org/a.png?x=1&y=2",
            "https://images.example.org/a.png?x=1&y=2",
            "https://images.example.org",
        ),
        (
            "http://images.example.org:8080/a.png",
            "http://images.example.org:8080/a.png",
            "http://images.example.org:8080",
        ),
        ("/_sandbox/settings", None, None),
        ("//images.example.org/a.png", None, None),
        ("https://me:secret@images.example.org/a.png", None, None),
        ("https://images.example.org;script-src/a.png", None, None),
        ("javascript:alert(1)", None, None),
        ("data:image/png;base64,AAAA", None, None),
        ("file:///etc/passwd", None, None),
        ("gs://bucket/a.png", None, None),
    ],
)
def test_an_asset_is_loaded_from_http_or_from_here_only(
    sandbox: SandboxProcess, project: str, address: str, shown: str | None, origin: str | None
) -> None:
    sandbox.project(project, CARS, [{"globalKey": "a", "rowData": address}])
    response = sandbox.http.get(sandbox.url + rows_of(sandbox, project)["a"].attributes["href"])
    assert [each.attributes["src"] for each in parsed_page(response.text).all("img")] == ([shown] if shown else [])
    allowed = f"img-src 'self'{f' {origin}' if origin else ''};"
    assert allowed in response.headers["content-security-policy"]


def test_an_address_of_the_sandbox_itself_is_its_own(sandbox: SandboxProcess, project: str) -> None:
    address = uploaded(sandbox, (ASSETS / "harbour.png").read_bytes(), "harbour.png")
    sandbox.project(project, CARS, [{"globalKey": "a", "rowData": address}])
    assert only_row(sandbox, project).one("img").attributes["src"] == address.removeprefix(sandbox.url)


def test_every_page_forbids_all_that_it_does_not_need(harbour: SandboxProcess) -> None:
    for path in ("/", "/projects/nowhere", "/projects/harbour-images"):
        policy = harbour.http.get(harbour.url + path).headers["content-security-policy"].split("; ")
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert not [each for each in policy if "unsafe" in each or "*" in each]


def every_page(sandbox: SandboxProcess) -> list[str]:
    paths = ["/", "/projects/nowhere", "/projects/harbour-images?search=zzz"]
    for project in PROJECTS:
        paths += [f"/projects/{project}", f"/projects/{project}/imports", imported(sandbox, project, "first")]
        paths += [each.attributes["href"] for each in rows_of(sandbox, project).values()]
    return paths


def test_every_page_can_be_used_without_a_mouse_or_a_screen(harbour: SandboxProcess) -> None:
    found = {}
    for path in every_page(harbour):
        page = parsed_page(harbour.http.get(harbour.url + path).text)
        found[path] = complaints(page)
        assert page.one("a", of="skip").attributes["href"] == "#content"
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "path", ["/projects/nowhere", "/projects/harbour-images/rows/nowhere", "/imports/nowhere", "/assets/x"]
)
def test_what_is_missing_has_a_page_that_says_so(harbour: SandboxProcess, path: str) -> None:
    assert page_of(harbour, path, 404).one("h1").text == "Nothing here"


def test_assets_outside_of_their_folder_are_not_served(harbour: SandboxProcess) -> None:
    for path in (
        "/assets/../projects.json",
        "/assets/%2e%2e/project.json",
        "/assets/..%2fproject.json",
        "/assets//etc/hosts",
    ):
        request = httpx.Request("GET", harbour.url)
        request.url = httpx.URL(harbour.url).copy_with(raw_path=path.encode())
        assert harbour.http.send(request).status_code == 404, path
    served = harbour.http.get(f"{harbour.url}/assets/report.txt")
    assert (served.status_code, "sandbox" in served.headers["content-security-policy"]) == (200, True)


def test_pages_are_shown_on_their_own_machine_only(start: Callable[..., SandboxProcess]) -> None:
    addresses = [each for each in own_addresses() if not each.startswith("127.")]
    if not addresses:
        pytest.skip("this machine has no address but its own")
    sandbox = start("--host", "0.0.0.0")
    port = httpx.URL(sandbox.url).port
    for path in ("/", "/projects/x", "/assets/x"):
        answer = sandbox.http.get(f"http://{addresses[0]}:{port}{path}")
        assert (answer.status_code, "own machine only" in answer.text) == (403, True)


def own_addresses() -> list[str]:
    import psutil

    return [each.address for all_ in psutil.net_if_addrs().values() for each in all_ if each.family == 2]
