"""Error groups and dead letters in a real browser: by keys alone, with the check while one types, for every reader."""

import re
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import orjson
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

from prelabel import Publisher
from prelabel.errors import Reason
from prelabel_console.access.roles import Role
from prelabel_console.console import Console
from prelabel_worker.chunks.held_rows import Problem
from prelabel_worker.queries.status import Inspector
from tests.support.console.dead import ONE, TWO, box, cache_ontology, dead_for, misspelt, named
from tests.support.dead_letters import import_over
from tests.support.hostile_text import EVIL
from tests.support.project import Project
from tests.support.sandbox.chromium import CHROMIUM
from tests.support.sandbox.process import SandboxProcess
from tests.support.waiting import wait_for
from tests.support.worker_process import environment, running_worker

pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no Chromium on this machine")

Visit = Callable[..., Page]
PHONE: ViewportSize = {"width": 390, "height": 780}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
HOSTILE = EVIL + '"><img src=x onerror=alert(1)><script>alert(2)</script></textarea>'
TOOLS = [{"tool": "rectangle", "name": "Person"}]


@pytest.fixture
def trouble(project: Project, console: Console) -> dict[str, str]:
    """Two projects with dead letters of several causes; the addresses of all pages about them."""
    misspelt(project, ONE, *(f"cam/{number}.jpg" for number in range(9)))
    misspelt(project, TWO, "b", wrong="Cra", right="Car")
    errors = {"errors": [{"name": "InvalidBox", "message": "outside"}], "taken": ["uuid"]}
    (refused,) = dead_for(project, TWO, Problem(Reason.REFUSED, errors), box(TWO, "c", "Person"))
    (hostile,) = dead_for(
        project, TWO, Problem(Reason.REFUSED, {"path": HOSTILE, "found": HOSTILE, "hint": HOSTILE}),
        box(TWO, HOSTILE, HOSTILE, model=HOSTILE),
    )  # fmt: skip
    import_over(named(project, ONE), box(ONE, "cam/1.jpg", "Person", messageId="newer"))
    cache_ontology(project, ONE)
    console.dead.groups.renew(5)
    group = console.dead.groups.latest().value[0].group
    (misspelt_one, *_) = named(project, ONE).held.dead_letters(ONE)
    return {
        "groups": "/groups",
        "group": f"/groups/{group}",
        "dead": "/dead",
        "dead letter": f"/dead/{ONE}/{misspelt_one.id}",
        "refused": f"/dead/{TWO}/{refused}",
        "hostile": f"/dead/{TWO}/{hostile}",
        "data row": "/data-row?key=cam%2F1.jpg",
        "hostile row": "/data-row?" + urllib.parse.urlencode({"key": HOSTILE}),
        "fix": f"/bulk/new?q=group:{group}&do=rename",
        "retry": f"/bulk/new?q=group:{group}&do=retry",
        "discard": f"/bulk/new?q=group:{group}&do=discard",
        "bulk": "/bulk",
        "bad query": "/dead?q=nofield:x",
    }


NAMES = (
    "groups", "group", "dead", "dead letter", "refused", "hostile", "data row", "hostile row", "fix", "retry",
    "discard", "bulk", "bad query",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_and_a_phone_scrolls_in_one_direction(
    visit: Visit, trouble: dict[str, str], name: str
) -> None:
    page = visit(trouble[name], ignore=("422",) if name == "bad query" else ())
    for details in page.locator("details").all():
        details.evaluate("(details) => { details.open = true; }")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        violations = Axe().run(page).response["violations"]
        assert [(entry["id"], entry["nodes"][0]["html"]) for entry in violations] == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_largest_group_is_fixed_by_keys_alone_and_goes_to_zero(
    visit: Visit, console: Console, redis_url: str, prefix: str, tmp_path: Path, project: Project
) -> None:
    sandbox = SandboxProcess(tmp_path / "sandbox")
    told = environment(sandbox, redis_url=redis_url, key_prefix=prefix)
    sandbox.project(ONE, {"tools": TOOLS, "classifications": []})
    inspector = Inspector(project.client, prefix)
    with running_worker(tmp_path, told, "-c", "1"):
        with Publisher(redis_url, key_prefix=prefix) as publisher:
            for number in range(40):
                publisher.publish(orjson.loads(box(ONE, f"k{number}", "Persn").raw))
        wait_for(lambda: inspector.status(ONE).dead == 40, "the rows to die")
        console.dead.groups.renew(5)
        page = visit("/")

        page.keyboard.press("g")
        page.keyboard.press("e")
        page.wait_for_url("**/groups")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/groups/[0-9a-f]+$"))
        expect(page.locator("#rows")).to_have_text("40")
        page.keyboard.press("f")
        page.wait_for_url("**/bulk/new*")
        expect(page.locator("#would")).to_contain_text("would retry 40 of 40")
        expect(page.get_by_role("button", name="Rename and retry 40 dead letters")).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/bulk/[0-9a-f]+$"))
        expect(page.locator("#state")).to_have_text("done", timeout=20_000)
        expect(page.locator("#left")).to_have_text("0", timeout=20_000)
        wait_for(lambda: inspector.status(ONE).imported == 40, "the rows to be imported")
    assert len(sandbox.pre_labels(ONE)) == 40
    sandbox.stop()


def test_the_validator_answers_as_one_types(visit: Visit, trouble: dict[str, str]) -> None:
    page = visit(trouble["dead letter"])
    page.get_by_text("Edit the message").click()
    verdict, field = page.locator("#verdict"), page.get_by_label("Message", exact=True).last
    expect(verdict).to_contain_text("did you mean Person?")

    field.fill(field.input_value().replace("Persn", "Person"))
    expect(verdict).to_have_text("Nothing is known that Labelbox would refuse.")
    field.fill(field.input_value().replace('"left": 2', '"left": "‮x"'))
    expect(verdict.get_by_role("rowheader")).to_have_text("annotations[0].bbox.left")
    expect(verdict).to_contain_text("\\u202ex")
    field.press("End")
    field.press("x")
    expect(verdict.get_by_role("rowheader")).to_have_text("the message")


def test_the_last_word_of_a_query_is_completed(visit: Visit, trouble: dict[str, str]) -> None:
    page = visit(trouble["dead"])
    field = page.get_by_label("Which")

    def options() -> list[str]:
        return [option.get_attribute("value") or "" for option in page.locator("#completions option").all()]

    assert "reason:" in options()
    field.fill('model:"a b" reas')
    expected = ["reason:", *(f"reason:{reason.value}" for reason in Reason)]
    assert options() == [f'model:"a b" {option}' for option in expected]
    field.fill(f"project:{ONE[:4]}")
    assert options() == [f"project:{ONE}"]


def test_a_bulk_action_is_watched_and_aborted(visit: Visit, trouble: dict[str, str], console: Console) -> None:
    action = console.dead.bulk.log.begin(
        name="retry them", verb="retry", who="ann", scope="all", matching=10, projects=1
    )
    page = visit(f"/bulk/{action.id}")
    expect(page.locator("#state")).to_have_text("running")

    page.get_by_role("button", name="Abort").click()

    expect(page.get_by_text("admin aborted it.")).to_be_visible()
    expect(page.get_by_role("button", name="Abort")).to_have_count(0)


def test_a_viewer_sees_everything_and_is_offered_nothing(visit: Visit, trouble: dict[str, str]) -> None:
    for name in ("group", "dead letter", "dead"):
        page = visit(trouble[name], role=Role.VIEWER)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("main form[method=post]")).to_have_count(0)
