"""The console in a real browser: keys, refresh, copying, zones, phones; nothing in the log, nothing from elsewhere."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from prelabel_console.access.roles import Role
from prelabel_console.console import Console
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.presence import Presence, announce, new_identity
from tests.support.console.browsing import TOKENS
from tests.support.dead_letters import kill, real_message
from tests.support.project import Project, message
from tests.support.sandbox.chromium import CHROMIUM

WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 780}
PAGES = ["/", "/projects", "/projects/p", "/projects/p/imports", "/accounts", "/workers", "/actions"]

pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no Chromium on this machine")

Open = Callable[..., Page]


@pytest.fixture
def rows(project: Project) -> Project:
    """A project with rows of several outcomes, a worker, and a pause."""
    kill(project, real_message("x"), real_message("y"))
    project.publish(*(message(f"a{number}") for number in range(5)))
    presence = Presence("host", 7, "1.0", 2, name="worker1@host", accounts=["default"])
    announce(project.client, project.settings.key_prefix, new_identity(), presence)
    Pauses(project.client, project.settings.key_prefix).pause_project("p", "by ada: a look", 600)
    return project


def refreshed(page: Page) -> None:
    """Have the page read its parts again now, as the key does, and wait for the answer."""
    with page.expect_response(lambda answer: answer.request.resource_type == "fetch"):
        page.keyboard.press("r")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [*PAGES, "/sign-in"])
def test_axe_finds_nothing(visit: Open, rows: Project, path: str, scheme: str) -> None:
    page = visit(path, color_scheme=scheme)
    violations = Axe().run(page).response["violations"]

    assert [(entry["id"], entry["nodes"][0]["html"]) for entry in violations] == []


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_needs_no_sideways_scrolling(visit: Open, rows: Project, path: str) -> None:
    page = visit(path, viewport=PHONE)

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_keys_lead_to_every_section_and_are_listed(visit: Open, rows: Project) -> None:
    page = visit("/workers")
    for key, path in (("p", "/projects"), ("a", "/accounts"), ("l", "/actions"), ("w", "/workers"), ("o", "/")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"**{path}")

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    expect(page.get_by_role("dialog")).to_contain_text("Dead letters")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("?")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_table_is_walked_and_a_row_opened_by_keys(visit: Open, rows: Project) -> None:
    Project(rows.client, rows.settings, "z-other").publish(message("z"))
    page = visit("/projects?sort=project")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="z-other")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/projects/p")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def test_a_page_shows_what_has_changed_without_being_loaded_again(visit: Open, rows: Project) -> None:
    page = visit("/projects/p")
    page.evaluate("window.loadedOnce = true")
    expect(page.locator(".sum")).to_contain_text("7 published")
    rows.publish(message("later"))

    refreshed(page)

    expect(page.locator(".sum")).to_contain_text("8 published")
    assert page.evaluate("window.loadedOnce") is True


def test_a_page_reads_itself_again_every_five_seconds(visit: Open, rows: Project) -> None:
    page = visit("/projects/p")
    rows.publish(message("later"))

    with page.expect_response(lambda answer: answer.request.resource_type == "fetch", timeout=15_000):
        pass
    expect(page.locator(".sum")).to_contain_text("8 published")


def test_nothing_is_replaced_while_a_form_is_being_filled_in(visit: Open, rows: Project) -> None:
    page = visit("/projects/p")
    page.get_by_text("Pause uploads").click()
    page.get_by_label("Why, shown wherever the project is listed").fill("half a sen")

    assert page.evaluate("isBusy()")
    page.locator("h1").click()
    page.get_by_text("Pause uploads").click()  # which hides the field
    assert page.evaluate("isBusy()"), "the text would be lost"
    expect(page.get_by_label("Why, shown wherever the project is listed")).to_have_value("half a sen")


def test_focus_and_the_chosen_row_survive_a_refresh(visit: Open, rows: Project) -> None:
    Project(rows.client, rows.settings, "z-other").publish(message("z"))
    page = visit("/projects?sort=project")
    page.keyboard.press("j")
    page.keyboard.press("j")
    rows.publish(message("later"))
    refreshed(page)

    expect(page.get_by_role("link", name="z-other")).to_be_focused()
    expect(page.locator("tr.chosen")).to_contain_text("z-other")


def test_copying_works_without_a_secure_context(visit: Open, rows: Project) -> None:
    page = visit("/projects/p")
    page.evaluate("Object.defineProperty(window, 'isSecureContext', { value: false })")
    page.get_by_role("button", name="Copy p").click()
    expect(page.get_by_role("button", name="Copy p")).to_have_text("Copied")
    page.keyboard.press("/")
    page.keyboard.press("Control+V")

    expect(page.get_by_role("searchbox")).to_have_value("p")


def test_times_are_in_the_viewer_s_zone_with_utc_beside_them(visit: Open, rows: Project) -> None:
    page = visit("/projects/p", timezone_id="Asia/Tokyo", locale="en-GB")
    time = page.locator("time:not(.ago)").first
    there, utc = time.inner_text(), time.get_attribute("title")

    assert utc is not None
    assert utc.endswith(" UTC")
    assert int(there.split(", ")[-1][:2]) == (int(utc[11:13]) + 9) % 24


def test_an_act_is_carried_out_and_said_on_the_page(visit: Open, rows: Project) -> None:
    page = visit("/projects/p", role=Role.OPERATOR)
    page.get_by_role("button", name="Resume").click()

    expect(page.get_by_role("status").first).to_have_text("p is resumed")
    assert rows.status().paused is None
    page.get_by_text("Pause uploads").click()
    page.get_by_label("Why, shown wherever the project is listed").fill("lunch")
    page.get_by_label("For how long").select_option("30 minutes")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("status").first).to_have_text("p is paused")
    expect(page.locator("#state")).to_contain_text("by operator: lunch")


def test_a_viewer_sees_no_buttons_that_would_be_refused(visit: Open, rows: Project) -> None:
    page = visit("/projects/p", role=Role.VIEWER)

    expect(page.get_by_role("button", name="Resume")).to_have_count(0)
    expect(page.get_by_text("Pause uploads")).to_have_count(0)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_signing_in_leads_to_the_page_that_was_asked_for_and_out_again(
    chromium: Chromium, served: tuple[Console, str]
) -> None:
    with chromium.new_context(viewport=WIDE, base_url=served[1]) as context:
        page = context.new_page()
        page.goto("/workers")
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text("This token is not known here.")
        page.goto("/workers")
        page.get_by_label("Token").fill(TOKENS[Role.VIEWER])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/workers")
        expect(page.get_by_role("heading", name="Workers")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.goto("/workers")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_link_on_another_site_leads_to_the_page_of_somebody_who_is_signed_in(
    chromium: Chromium, served: tuple[Console, str]
) -> None:
    address = served[1]
    with chromium.new_context(viewport=WIDE) as context:
        page = context.new_page()
        page.goto(f"{address}/?token={TOKENS[Role.VIEWER]}")
        page.goto("about:blank")
        page.route(
            "http://chat.example/",
            lambda route: route.fulfill(body=f'<a href="{address}/workers">see</a>', content_type="text/html"),
        )
        page.goto("http://chat.example/")
        page.get_by_role("link", name="see").click()

        expect(page.get_by_role("heading", name="Workers")).to_be_visible()


def test_a_page_with_its_files_is_light(visit: Open, rows: Project) -> None:
    sizes: list[int] = []
    page = visit("/workers")
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    page.evaluate("0")
    for path in PAGES:
        sizes.clear()
        page.goto(path)
        static = sum(
            (Path("worker/prelabel_console/static") / name).stat().st_size
            for name in ("pages.css", "console.css", "console.js", "icon.svg")
        )
        assert len(page.content().encode()) + static < 150_000


def test_without_scripts_the_pages_still_work(visit: Open, rows: Project) -> None:
    page = visit("/projects/p", role=Role.OPERATOR, java_script_enabled=False)
    page.get_by_role("button", name="Resume").click()

    expect(page.locator(".note.done")).to_have_text("p is resumed")


def test_a_chart_says_its_values_under_the_pointer_and_to_a_screen_reader(visit: Open, rows: Project) -> None:
    flow = rows.keys.flow
    now = int(rows.client.time()[0]) - 120
    rows.client.hset(flow.minutes(now // 600), f"{now % 600 // 60}:published", 4321)
    page = visit("/projects/p")
    chart = page.get_by_role("img", name="The last hour: rows a minute")
    expect(chart).to_have_accessible_name(re.compile("published 4,321 at most"))
    box = chart.bounding_box()
    assert box is not None
    for x in range(0, int(box["width"]), 4):
        page.mouse.move(box["x"] + x, box["y"] + box["height"] / 2)
        if "4,321" in page.locator("[data-chart] output").first.inner_text():
            return
    pytest.fail("no place of the chart says 4,321")
