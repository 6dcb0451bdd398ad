"""The pages in a real browser: keys, slider, drawing, colours; nothing in the console, nothing from elsewhere."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Dialog, Locator, Page, expect

from tests.support.sandbox.assets import ASSETS, PROJECTS
from tests.support.sandbox.cars import car
from tests.support.sandbox.chromium import CHROMIUM
from tests.support.sandbox.chromium import chromium as browser
from tests.support.sandbox.examples import HARBOUR, example
from tests.support.sandbox.file_server import FileServer
from tests.support.sandbox.hostile import HOSTILE, hostile_lines, hostile_ontology
from tests.support.sandbox.process import SandboxProcess
from tests.support.sandbox.uploads import uploaded
from tests.support.waiting import wait_for

__all__ = ["browser"]

WIDE, PHONE = {"width": 1200, "height": 800}, {"width": 390, "height": 780}

pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no Chromium on this machine")

Open = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Yield a function that opens a page; at the end, assert an empty console and no request to another host."""
    complaints: list[str] = []
    requested: list[str] = []
    contexts = []

    def opened(url: str, **options: object) -> Page:
        context = browser.new_context(**{"viewport": WIDE, **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", noting(complaints))
        page.on("request", lambda request: requested.append(request.url))
        page.goto(url, wait_until="load")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
    origins = {re.sub(r"^(\w+://[^/]+).*", r"\1", url) for url in requested}
    assert len(origins) == 1, origins


def noting(complaints: list[str]) -> Callable[[Dialog], None]:
    """Return a handler that notes what a dialog says, and closes it: an open one would stop the test for ever."""

    def note(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    return note


def row_url(sandbox: SandboxProcess, project: str) -> str:
    """Return the address of the page of the first data row of a project."""
    page = sandbox.http.get(f"{sandbox.url}/projects/{project}").text
    return sandbox.url + re.findall(r'<th scope="row"><a href="([^"]+)"', page)[0]


def tab_to(page: Page, target: Locator, most: int = 60) -> None:
    """Press Tab until the element has the focus; assert that every focus on the way is visible."""
    for _ in range(most):
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if target.evaluate("(wanted) => wanted === document.activeElement"):
            return
    pytest.fail(f"{most} times Tab do not lead to {target}")


def test_everything_can_be_reached_by_keys(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(harbour.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    tab_to(page, page.get_by_role("link", name="Harbour images", exact=True))
    page.keyboard.press("Enter")
    page.wait_for_url("**/projects/harbour-images")
    tab_to(page, page.get_by_role("searchbox", name="Global key or id contains"))
    page.keyboard.type("000184")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=000184")
    tab_to(page, page.get_by_role("link", name="pier-7/cam-2/000184.png"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/rows/*")
    tab_to(page, page.get_by_role("link", name="vessel").first)
    expect(page.locator("g.shape.lit")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="vessel").first).to_be_focused()
    tab_to(page, page.get_by_role("link", name="mooring rope").first)
    expect(page.locator("g.shape.lit")).to_have_class(re.compile(r"\bc4\b"))


def test_what_the_pointer_is_over_is_lit_in_the_list(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "harbour-images"))
    x, y = on_screen(page, 150, 657)
    page.mouse.move(x, y)
    expect(page.locator("li.entry.lit")).to_contain_text("bollard")
    page.locator("h1").hover()
    expect(page.locator(".lit")).to_have_count(0)


def test_the_slider_moves_tracks_by_keys(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "lock-video"))
    slider = page.get_by_role("slider")
    tab_to(page, slider)
    page.keyboard.press("Home")
    box, mask = page.locator("#s1"), page.locator("g.masks image")
    expect(box.locator(".edge")).to_have_attribute("d", "M17 148h156v80h-156Z")
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#frame-number")).to_have_text("10")
    expect(box.locator(".edge")).to_have_attribute("d", "M62 148h156v80h-156Z")  # half way between two keyframes
    expect(slider).to_have_attribute("aria-valuetext", "frame 10")
    assert mask.get_attribute("href") is None
    slider.fill("33")
    assert str(mask.get_attribute("href")).endswith("/33.png")
    slider.fill("45")  # between two segments
    expect(box).to_be_hidden()
    expect(page.locator("li.entry.away")).to_contain_text("vessel")
    page.get_by_role("button", name="Next keyframe").press("Enter")
    expect(page.locator("#frame-number")).to_have_text("60")
    page.get_by_role("button", name="Next keyframe").press("Enter")
    expect(box.locator(".edge")).to_have_attribute("d", "M322 148h156v80h-156Z")


def test_the_video_is_at_the_slider_s_frame(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "lock-video"))
    until(page, "document.querySelector('video').readyState >= 1")
    page.get_by_role("slider").fill("25")
    assert page.evaluate("document.querySelector('video').currentTime") == pytest.approx(24.5 / 12, abs=0.01)


def test_a_track_that_is_picked_is_gone_to(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "lock-video"))
    page.get_by_role("slider").fill("50")
    page.get_by_role("link", name="vessel").click()
    expect(page.locator("#frame-number")).to_have_text("1")
    page.get_by_role("link", name="oil film").click()
    expect(page.locator("#frame-number")).to_have_text("20")


def test_it_plays_and_stops(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "lock-video"))
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Stop")).to_have_attribute("aria-pressed", "true")
    until(page, "Number(document.getElementById('frame').value) > 3")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Play")).to_have_attribute("aria-pressed", "false")


def test_an_interval_of_a_recording_is_played_from_its_start(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "vhf-recordings"))
    page.get_by_role("button", name="0:04–0:08.8").click()
    until(page, "document.getElementById('sound').currentTime > 4")
    until(page, "Number(document.querySelector('[data-head]').getAttribute('x1')) > 333")


def on_screen(page: Page, x: int, y: int) -> tuple[float, float]:
    """Return where on the screen a position of the asset is."""
    stage = page.locator(".stage").bounding_box()
    assert stage is not None
    width, height = (float(each) for each in str(page.locator(".drawing").get_attribute("viewBox")).split()[2:])
    return stage["x"] + x * stage["width"] / width, stage["y"] + y * stage["height"] / height


def until(page: Page, expression: str) -> None:
    """Playwright's own wait needs eval, which the pages forbid."""
    wait_for(lambda: page.evaluate(expression), expression, 10)


def pixel(page: Page, x: int, y: int, place: str = ".stage") -> tuple[int, ...]:
    """Return the colour on the screen at a position of the asset, or of what is at another place."""
    stage = page.locator(place)
    shot = Image.open(BytesIO(stage.screenshot())).convert("RGB")
    width, height = (float(each) for each in str(stage.locator(".drawing").get_attribute("viewBox")).split()[2:])
    found = shot.getpixel((round(x * shot.width / width), round(y * shot.height / height)))
    assert isinstance(found, tuple)
    return found


def test_masks_are_painted_in_the_colour_of_their_class(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "harbour-images"))
    painted = pixel(page, 800, 560), pixel(page, 1060, 488), pixel(page, 640, 570)
    page.evaluate("for (const each of document.querySelectorAll('.mask')) each.remove()")
    bare = pixel(page, 800, 560), pixel(page, 1060, 488), pixel(page, 640, 570)
    for seen, below, paint in zip(painted, bare, ((0x12, 0xB8, 0x86), (0x4D, 0xAB, 0xF7)), strict=False):
        assert seen == pytest.approx([0.6 * p + 0.4 * b for p, b in zip(paint, below, strict=True)], abs=3)
    assert painted[2] == bare[2]


def test_a_canvas_takes_the_size_of_its_image(sandbox: SandboxProcess, visit: Open, project: str) -> None:
    given = PROJECTS["harbour-images"]
    address = uploaded(sandbox, (ASSETS / "harbour.png").read_bytes(), "harbour.png")
    rows = [{"globalKey": "pier-7/cam-2/000184.png", "rowData": address}]
    sandbox.project(project, given["project"]["ontology"], rows)
    sandbox.statuses(project, "first", given["lines"])
    page = visit(row_url(sandbox, project))
    expect(page.locator(".drawing")).to_have_attribute("viewBox", "0 0 1280 800")
    expect(page.locator(".mask").first).to_have_attribute("width", "1280")
    expect(page.get_by_text("1280 × 800 px", exact=True)).to_be_visible()


@pytest.fixture
def gone() -> str:
    """Return the start of an address at which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def test_an_image_that_cannot_be_loaded_says_so_and_its_drawing_stays(
    sandbox: SandboxProcess, browser: Browser, project: str, gone: str
) -> None:
    rows = [{"globalKey": "a", "rowData": f"{gone}/pier.png", "width": 400, "height": 300}]
    sandbox.project(project, {"tools": [{"tool": "rectangle", "name": "car", "color": "#ff0000"}]}, rows)
    sandbox.statuses(project, "1", [car(1, "a", bbox={"top": 50, "left": 50, "height": 200, "width": 300})])
    page = browser.new_page()
    page.goto(row_url(sandbox, project), wait_until="load")
    expect(page.get_by_text(f"The image could not be loaded from {gone}/pier.png")).to_be_visible()
    expect(page.locator("img.asset")).to_be_hidden()
    size = page.locator(".stage").bounding_box()
    assert size is not None
    assert size["width"] / size["height"] == pytest.approx(4 / 3, abs=0.02)
    assert pixel(page, 50, 150)[0] > 200 > 120 > pixel(page, 50, 150)[1]
    page.close()


@pytest.mark.parametrize(("media", "word"), [("IMAGE", "image"), ("VIDEO", "video"), ("AUDIO", "recording")])
def test_a_file_of_another_kind_says_that_it_cannot_be_loaded(
    sandbox: SandboxProcess, visit: Open, project: str, media: str, word: str
) -> None:
    rows = [{"globalKey": "a", "rowData": uploaded(sandbox, b"not such a file", "a.txt")}]
    sandbox.project(project, HARBOUR, rows, mediaType=media)
    page = visit(row_url(sandbox, project))
    expect(page.get_by_text(f"The {word} could not be loaded from /uploads/")).to_be_visible()
    expect(page.locator("img.asset, video.asset, #sound")).to_be_hidden()
    assert page.get_by_text("until the").count() == 0


def test_masks_that_cannot_be_loaded_say_so_in_the_list(
    sandbox: SandboxProcess, browser: Browser, project: str, gone: str
) -> None:
    sandbox.project(project, HARBOUR, ["a"], mediaType="VIDEO")
    frames = [{"index": index, "instanceURI": f"{gone}/{index}.png"} for index in (1, 2)]
    masks = {"frames": frames, "instances": [{"name": "oil film", "colorRGB": [1, 2, 3]}]}
    sandbox.statuses(project, "1", [example("VMASK-1", dataRow={"globalKey": "a"}, masks=masks)])
    page = browser.new_page()
    page.goto(row_url(sandbox, project), wait_until="load")
    expect(page.get_by_text("Images of masks could not be loaded")).to_be_visible()
    entry = page.locator("li.entry")
    expect(entry).to_contain_text(f"could not be loaded: {gone}/1.png")
    page.get_by_role("slider").fill("2")
    expect(entry).to_contain_text(f"could not be loaded: {gone}/1.png, and 1 more")
    page.close()


def test_an_image_that_is_loaded_says_nothing(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "harbour-images"))
    expect(page.locator("[data-unreachable]")).to_have_count(2)
    expect(page.locator("[data-unreachable]:visible")).to_have_count(0)


def test_shapes_on_tiles_are_where_the_lines_of_the_plane_say(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "elbe-tiles"))
    label, quay, vessel = (
        page.locator(place).bounding_box() or pytest.fail(f"{place} is not drawn")
        for place in (".graticule text:text('8.700° E')", "#s1 .edge", "#s2 .edge")
    )
    meridian = label["x"] + label["width"] / 2
    assert quay["x"] < vessel["x"] < meridian < vessel["x"] + vessel["width"]
    assert vessel["y"] + vessel["height"] < quay["y"] + quay["height"]  # the vessel lies to the north


def test_each_group_of_slices_has_a_slider_of_its_own(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "crate-scans"))
    axial, sagittal = (page.get_by_label(re.compile(f"^{group} slice")) for group in ("Axial", "Sagittal"))
    expect(page.locator(".drawing").first).to_have_attribute("viewBox", "0 0 240 180")  # the size of its masks
    axial.fill("9")
    expect(page.locator("#s1 .edge")).to_have_attribute("d", "M20 145L76 120L153 125L222 147")
    expect(page.locator("#frame-number-sagittal")).to_have_text("19")
    page.locator("#a3").get_by_role("link", name="void").click()
    expect(page.locator("#frame-number-axial")).to_have_text("9")
    axial.fill("14")

    def is_painted() -> bool:
        seen, bare = pixel(page, 90, 80, ".stage.axial"), pixel(page, 30, 30, ".stage.axial")
        return seen == pytest.approx([0.6 * p + 0.4 * b for p, b in zip((0x12, 0xB8, 0x86), bare, strict=True)], abs=3)

    wait_for(is_painted, "the mask of the slice, in the colour of its class")
    sagittal.press("ArrowRight")
    expect(page.locator("#frame-number-sagittal")).to_have_text("20")
    expect(sagittal).to_have_attribute("aria-valuetext", "sagittal slice 20")


def test_words_of_a_document_stand_where_its_text_layer_says(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "logbooks"))
    paper = page.locator("svg.paper").first.bounding_box()
    word = page.locator("g.tokens text", has_text="Lisbeth").first.bounding_box()
    mark = page.locator("#s2 .edge").bounding_box()
    assert paper is not None
    assert word is not None
    assert mark is not None
    scale = paper["width"] / 595
    assert word["x"] - paper["x"] == pytest.approx(172.01 * scale, abs=2)
    assert word["width"] == pytest.approx(35.46 * scale, abs=2)
    assert mark["x"] == pytest.approx(word["x"], abs=3)
    assert abs(mark["y"] - word["y"]) < mark["height"] / 2


def test_an_entity_of_a_document_is_lit_and_gone_to(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "logbooks"), viewport={"width": 1200, "height": 400})
    link = page.get_by_role("link", name="ship").last
    link.focus()
    expect(page.locator("g.shape.lit")).to_have_count(1)
    expect(page.locator("g.shape.lit")).not_to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("g.shape.lit")).to_be_in_viewport()
    expect(link).to_be_in_viewport()


def test_an_answer_in_the_list_is_lit_at_its_message(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "vhf-12"))
    tab_to(page, page.get_by_role("link", name="tone").first)
    expect(page.locator(".mark.lit")).to_have_text(re.compile("tone.*urgent", re.DOTALL))
    page.locator("mark", has_text="Annegret").hover()
    expect(page.locator("li.entry.lit", has_text="“Annegret”")).to_have_count(1)


def test_a_page_in_a_frame_is_seen_but_runs_and_loads_nothing(
    sandbox: SandboxProcess, browser: Browser, project: str
) -> None:
    with closing(FileServer({"/": b"<h1>Outside</h1>"})) as outside:
        content = f"""<link rel="stylesheet" href="{outside.url}/a.css">
        <meta http-equiv="refresh" content="0; url={outside.url}/">
        <style>h1 {{ color: rgb(1, 2, 3) }}</style><h1>Seen</h1><img src="{outside.url}/a.png" onerror="alert(1)">
        <script>document.querySelector("h1").textContent = "Run"; alert(2)</script>
        <iframe src="{outside.url}/b"></iframe>
        <a href="javascript:alert(3)">Run</a> <a href="{outside.url}/" target="_top">Leave</a>"""
        sandbox.project(project, {}, [{"globalKey": "a", "rowData": content}], mediaType="HTML")
        page = browser.new_page()
        dialogs: list[str] = []
        page.on("dialog", noting(dialogs))
        page.goto(row_url(sandbox, project), wait_until="load")
        frame = page.frame_locator("iframe.framed")
        expect(frame.get_by_role("heading")).to_have_text("Seen")
        expect(frame.get_by_role("heading")).to_have_css("color", "rgb(1, 2, 3)")
        frame.get_by_role("link", name="Run").click()
        frame.get_by_role("link", name="Leave").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("a")
        expect(frame.get_by_role("heading")).to_have_text("Seen")
        page.close()
        assert (outside.agents, dialogs) == ([], [])


@pytest.mark.parametrize("media", ["IMAGE", "VIDEO", "TEXT", "PDF", "CONVERSATIONAL"])
def test_hostile_texts_run_nothing(sandbox: SandboxProcess, visit: Open, project: str, media: str) -> None:
    key = HOSTILE[:150]
    sandbox.project(
        project, hostile_ontology(), [{"globalKey": key, "rowData": HOSTILE}], name=HOSTILE, mediaType=media
    )
    lines = [line for line in hostile_lines(key) if "mask" not in line]  # its image would be asked for elsewhere
    sandbox.statuses(project, HOSTILE, lines)
    page = visit(row_url(sandbox, project))
    assert page.locator("main script:not([type])").count() == 0
    expect(page.get_by_role("heading", level=1)).to_have_text(key)
    visit(f"{sandbox.url}/projects/{project}")


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const painted = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const faint = [];
  for (const element of document.querySelectorAll("body *:not(svg, svg *, script, noscript, option)")) {
    const own = [...element.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const behind = [];
    for (let each = element; each; each = each.parentElement) behind.unshift(getComputedStyle(each).backgroundColor);
    const [text, ground] = [[...behind, getComputedStyle(element).color], behind].map(painted).map(light);
    const ratio = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    if (ratio < 4.5) faint.push([element.tagName, element.className, ratio.toFixed(2), element.textContent.trim()]);
  }
  return faint;
}"""


def every_page(sandbox: SandboxProcess) -> list[str]:
    urls = [sandbox.url, f"{sandbox.url}/projects/harbour-images", f"{sandbox.url}/projects/harbour-images/imports"]
    import_path = re.findall(r'href="(/imports/[^"]+)"', sandbox.http.get(urls[-1]).text)[0]
    return [*urls, sandbox.url + import_path, *(row_url(sandbox, project) for project in PROJECTS)]


def test_texts_stand_out_in_light_and_dark_and_pages_fit_a_phone(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(harbour.url)
    for url in every_page(harbour):
        page.goto(url)
        grounds = set()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            assert page.evaluate(CONTRAST) == [], (url, scheme)
        assert len(grounds) == 2
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], url
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def test_without_scripts_drawings_and_lists_are_there(harbour: SandboxProcess, visit: Open) -> None:
    page = visit(row_url(harbour, "harbour-images"), java_script_enabled=False)
    expect(page.locator("g.shape")).to_have_count(8)
    expect(page.locator("li.entry")).to_have_count(13)
    page = visit(row_url(harbour, "lock-video"), java_script_enabled=False)
    expect(page.get_by_text("The slider needs JavaScript")).to_be_visible()
