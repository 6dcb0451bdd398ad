"""One dead letter: the message with the part at fault, the check while one types, and conflicts that keep the text."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from prelabel.errors import Reason
from prelabel_console.access.roles import Role
from prelabel_console.console import Console
from prelabel_worker.chunks.held_rows import Problem
from prelabel_worker.dead_letters.letter import DeadLetter
from tests.support.console.browsing import Browser, words_of
from tests.support.console.dead import ONE, box, cache_ontology, dead_for, fields_of, misspelt, named
from tests.support.dead_letters import import_over, misnamed
from tests.support.project import Project

BrowserOf = Callable[..., Browser]


def one_dead(project: Project, **fields: Any) -> tuple[str, DeadLetter]:
    """Make one dead letter; return the address of its page, and it."""
    (dead_letter_id,) = dead_for(project, ONE, misnamed(), box(ONE, "a", **fields))
    dead_letter = named(project, ONE).held.dead_letter(ONE, dead_letter_id)
    assert dead_letter is not None
    return f"/dead/{ONE}/{dead_letter_id}", dead_letter


def new_text(dead_letter: DeadLetter, name: str = "Person") -> str:
    return dead_letter.message.decode().replace("Persn", name)


def test_the_page_says_what_was_found_and_expected_and_marks_the_part_at_fault(
    browser: BrowserOf, project: Project
) -> None:
    address, _ = one_dead(project)

    page = browser(Role.VIEWER).get(address).text

    assert "did you mean Person?" in page
    assert "a feature of the project&#39;s ontology" in page
    assert "<mark>      &#34;name&#34;: &#34;Persn&#34;,</mark>" in page
    assert "unknown-feature" in page
    assert f'href="/data-row?key=a&amp;project={ONE}"' in page


def test_labelbox_s_words_and_what_it_already_has_are_shown(browser: BrowserOf, project: Project) -> None:
    errors = [{"name": "InvalidBox", "message": "the box <b>is</b> outside"}]
    problem = Problem(Reason.REFUSED, {"errors": errors, "taken": ["uuid-1", "uuid-2"]})
    (dead_letter_id,) = dead_for(project, ONE, problem, box(ONE, "a"))

    page = browser(Role.VIEWER).get(f"/dead/{ONE}/{dead_letter_id}").text

    assert "InvalidBox: the box &lt;b&gt;is&lt;/b&gt; outside" in page
    assert "Labelbox already has 2 annotations of it" in page
    assert "uuid-2" in page


def test_the_check_answers_with_the_place_and_the_hint_of_each_annotation(browser: BrowserOf, project: Project) -> None:
    address, dead_letter = one_dead(project)
    cache_ontology(project, ONE)
    message = orjson.loads(dead_letter.message)
    wrong = {"name": "Persn", "bbox": {"top": 1, "left": "x", "height": 3, "width": 4}}
    message["annotations"] += [dict(message["annotations"][0], name="Person"), wrong]
    operator = browser(Role.OPERATOR)

    def check(text: str) -> Any:
        return operator.post(f"{address}/check", {"message": text}, origin=operator.address).json()

    answer = check(orjson.dumps(message).decode())
    assert [problem["path"] for problem in answer["problems"]] == ["annotations[0].name", "annotations[2].bbox.left"]
    assert answer["problems"][0]["hint"] == "did you mean Person?"
    assert (answer["valid"], answer["withOntology"], answer["annotations"]) == (False, True, 3)
    assert check(new_text(dead_letter))["valid"]
    assert check("{")["problems"][0]["reason"] == "malformed-json"
    assert check(new_text(dead_letter).replace(ONE, "another"))["problems"][0]["reason"] == "wrong-project"


def test_a_saved_message_is_retried_and_recorded(browser: BrowserOf, project: Project, console: Console) -> None:
    address, dead_letter = one_dead(project)
    operator = browser(Role.OPERATOR)
    form = fields_of(operator.get(address).text, "Save and retry")

    said = operator.act(f"{address}/message", form | {"message": new_text(dead_letter), "then": "retry"})

    assert "the row is retried" in said
    one = named(project, ONE)
    (row,) = one.rows(one.take(one.cut()))
    assert orjson.loads(row.raw)["annotations"][0]["name"] == "Person"
    (action,) = console.actions().last(ONE)
    assert (action.action, action.who, action.details["ids"]) == ("edit", "operator", [dead_letter.id])


def test_a_message_can_be_saved_and_stay_dead(browser: BrowserOf, project: Project) -> None:
    address, dead_letter = one_dead(project)
    operator = browser(Role.OPERATOR)
    form = fields_of(operator.get(address).text, "Save and retry")

    operator.act(f"{address}/message", form | {"message": new_text(dead_letter), "then": "keep"})

    stays = named(project, ONE).held.dead_letter(ONE, dead_letter.id)
    assert stays is not None
    assert b"Person" in stays.message


def test_numbers_keep_their_digits(browser: BrowserOf, project: Project) -> None:
    left = "2.00000000000000000001"
    address, dead_letter = one_dead(project)
    operator = browser(Role.OPERATOR)
    form = fields_of(operator.get(address).text, "Save and retry")
    typed = new_text(dead_letter).replace('"left":2', f'"left":{left}')

    operator.act(f"{address}/message", form | {"message": typed, "then": "keep"})

    stays = named(project, ONE).held.dead_letter(ONE, dead_letter.id)
    assert stays is not None
    assert f'"left":{left}'.encode() in stays.message
    assert f"&#34;left&#34;: {left}" in operator.get(address).text


def test_an_invalid_message_is_not_saved_and_the_text_is_kept(browser: BrowserOf, project: Project) -> None:
    address, dead_letter = one_dead(project)
    operator = browser(Role.OPERATOR)
    form = fields_of(operator.get(address).text, "Save and retry")
    typed = '{"my": "text & <b>more</b>"'

    answer = operator.post(f"{address}/message", form | {"message": typed}, origin=operator.address)

    assert answer.status_code == 422
    assert "{&#34;my&#34;: &#34;text &amp; &lt;b&gt;more&lt;/b&gt;&#34;" in answer.text
    assert named(project, ONE).held.dead_letter(ONE, dead_letter.id) == dead_letter


@pytest.mark.parametrize("what", ["edited", "retried", "discarded"])
def test_a_conflict_says_what_happened_and_keeps_the_text(browser: BrowserOf, project: Project, what: str) -> None:
    address, dead_letter = one_dead(project)
    first, second = browser(Role.ADMIN), browser(Role.OPERATOR)
    form = fields_of(second.get(address).text, "Save and retry")
    if what == "edited":
        first.act(f"{address}/message", form | {"message": new_text(dead_letter, "Other"), "then": "keep"})
    elif what == "retried":
        first.act(f"{address}/retry", form)
    else:
        first.act(f"{address}/discard", form | {"typed": dead_letter.id})

    answer = second.post(f"{address}/message", form | {"message": "my long text"}, origin=second.address)

    assert answer.status_code == 409
    page = words_of(answer.text)
    assert "my long text" in page
    assert {"edited": "Somebody else has changed its message.", "retried": "is being tried again at this moment",
            "discarded": "admin did “discard”"}[what] in page  # fmt: skip
    retried = second.post(f"{address}/retry", form, origin=second.address)
    assert retried.status_code == 409


def test_a_superseded_dead_letter_can_be_retried_as_new(browser: BrowserOf, project: Project) -> None:
    address, _ = one_dead(project)
    import_over(named(project, ONE), box(ONE, "a", "Person", messageId="newer"))
    operator = browser(Role.OPERATOR)
    page = operator.get(address).text
    assert "A newer message of this data row and model was imported." in page

    operator.act(f"{address}/retry", fields_of(page, "Retry as a new row"))

    assert named(project, ONE).status().pending == 1


def test_a_discard_needs_the_id_typed(browser: BrowserOf, project: Project) -> None:
    address, dead_letter = one_dead(project)
    admin = browser(Role.ADMIN)
    form = fields_of(admin.get(address).text, "Discard the dead letter")

    refused = admin.post(f"{address}/discard", form | {"typed": "yes"}, origin=admin.address)
    assert refused.status_code == 422
    admin.act(f"{address}/discard", form | {"typed": dead_letter.id})

    assert named(project, ONE).status().discarded == 1
    assert "It was imported, superseded or discarded" in admin.text(address, 404)


def test_a_large_message_is_cut_in_the_page_and_whole_in_the_download(browser: BrowserOf, project: Project) -> None:
    address, dead_letter = one_dead(project, filler="x" * 3_900_000, more=["y"] * 50_000)
    operator = browser(Role.OPERATOR)

    page = operator.get(address)

    assert len(page.content) < 150_000
    assert "Persn" in page.text
    assert "Load the message into the field" in page.text
    answer = operator.get(f"{address}/message")
    assert answer.content == dead_letter.message
    assert answer.headers["content-disposition"].startswith("attachment")
    assert orjson.loads(operator.get(f"{address}/message?indented=yes").content) == orjson.loads(dead_letter.message)
    checked = operator.post(f"{address}/check", {"message": answer.text}, origin=operator.address)
    assert checked.status_code == 200


def test_a_frame_that_cannot_be_read_is_retried_or_discarded_not_edited(browser: BrowserOf, project: Project) -> None:
    misspelt(project, ONE, "a")
    one = named(project, ONE)
    (dead_letter,) = one.held.dead_letters(ONE)
    state = orjson.loads(one.client.hget(one.keys.held, dead_letter.id)) | {"weight": 1}
    for key in (one.keys.held, one.keys.held_body):
        value = one.client.hget(key, dead_letter.id)
        one.client.hset(key, "f00", orjson.dumps(state) if key == one.keys.held else value.replace(b"{", b"{", 1))
    one.client.zadd(one.keys.dead, {"f00": 1})
    operator = browser(Role.OPERATOR)

    page = operator.get(f"/dead/{ONE}/f00").text

    assert "It can be retried or discarded, not edited." in page
    assert "Save and retry" not in page


def test_whether_a_row_waits_for_its_data_row_is_said_with_the_command(browser: BrowserOf, project: Project) -> None:
    (dead_letter_id,) = dead_for(project, ONE, Problem(Reason.DATA_ROW_NOT_FOUND, {"path": "dataRow"}), box(ONE, "a"))

    page = browser(Role.VIEWER).text(f"/dead/{ONE}/{dead_letter_id}")

    assert "batch create" in page
