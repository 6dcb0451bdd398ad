"""The search over dead letters: each once, newest first, over any number of projects, from any cursor."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prelabel.publishing.buffer import Row
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.search import Cursor, Search
from tests.support.dead_letters import kill, real_message
from tests.support.project import Project

PROJECTS = ("one", "two", "three")


@pytest.fixture
def search(project: Project) -> Search:
    return Search(project.client, project.settings.key_prefix)


def filled(project: Project, deaths: list[tuple[str, int]]) -> list[tuple[str, str]]:
    """Make a dead letter for each project and time of death in ms; return them in the order of the search."""
    places = []
    for number, (name, ms) in enumerate(deaths):
        one = replace(project, id=name)
        (held_id,) = kill(one, real_message(f"{name}-{number}"))
        one.client.zadd(one.keys.dead, {held_id: ms})
        one.client.zadd(one.keys.dead_reason("refused"), {held_id: ms})
        places.append(Cursor(ms, name, held_id))
    return [(place.project_id, place.id) for place in sorted(places, key=lambda place: place.order)]


def walked(search: Search, limit: int, chosen: DeadLetterFilter, most: int = 50_000) -> list[tuple[str, str]]:
    """Return what all pages have together."""
    seen: list[tuple[str, str]] = []
    after = None
    while True:
        page = search.page(PROJECTS, chosen, after=after, limit=limit, most=most)
        assert len(page.dead_letters) <= limit
        seen += [(dead_letter.project_id, dead_letter.id) for dead_letter in page.dead_letters]
        if page.next is None:
            return seen
        after = Cursor.parse(str(page.next))
        assert len(seen) <= 2_000, "the pages go round in circles"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    deaths=st.lists(st.tuples(st.sampled_from(PROJECTS), st.integers(1, 4)), max_size=14),
    limit=st.integers(1, 5),
    most=st.integers(1, 6),
)
def test_pages_of_any_size_have_each_dead_letter_once_and_in_order(
    project: Project, search: Search, deaths: list[tuple[str, int]], limit: int, most: int
) -> None:
    project.client.flushdb()
    expected = filled(project, deaths)

    assert walked(search, limit, DeadLetterFilter()) == expected
    assert walked(search, limit, DeadLetterFilter(reason="refused"), most) == expected


def test_hundreds_that_died_in_one_ms_are_paged(project: Project, search: Search) -> None:
    one = replace(project, id="one")
    ids = kill(one, *(real_message(f"k{n}") for n in range(450)))
    for key in (one.keys.dead,):
        one.client.zadd(key, dict.fromkeys(ids, 5))

    assert sorted(walked(search, 70, DeadLetterFilter())) == sorted(("one", held_id) for held_id in ids)


def test_dead_letters_that_are_retried_meanwhile_shift_no_page(project: Project, search: Search) -> None:
    one = replace(project, id="one")
    ids = kill(one, *(real_message(f"k{n}") for n in range(10)))
    first = search.page(["one"], DeadLetterFilter(), limit=4)
    one.held.retry("one", [dead_letter.id for dead_letter in first.dead_letters])

    rest = search.page(["one"], DeadLetterFilter(), after=first.next, limit=10)

    seen = [dead_letter.id for page in (first, rest) for dead_letter in page.dead_letters]
    assert sorted(seen) == sorted(ids)


def test_a_message_or_a_row_of_a_model_is_looked_up_in_all_projects(project: Project, search: Search) -> None:
    filled(project, [("one", 1), ("two", 2)])
    looked_up = DeadLetterFilter(message_id="id-one-0"), DeadLetterFilter(data_row="two-1", model="m")

    for chosen, name in zip(looked_up, ("one", "two"), strict=True):
        page = search.page(PROJECTS, chosen)
        assert [dead_letter.project_id for dead_letter in page.dead_letters] == [name]
        assert page.searched == 1


def test_a_search_ends_after_its_time_and_says_where_to_continue(project: Project) -> None:
    seconds = iter(range(1000))
    search = Search(project.client, project.settings.key_prefix, clock=lambda: next(seconds))
    one = replace(project, id="one")
    kill(one, *(real_message(f"k{n}") for n in range(450)))

    page = search.page(["one"], DeadLetterFilter(words=("nothing",)), most_seconds=0.5)

    assert page.bounded
    assert page.next is not None
    assert page.searched < 450


@pytest.mark.parametrize("text", ["", "1", "1.2", "x.1.p", "-1.1.p", "9" * 16 + ".1.p"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a cursor that a page gave"):
        Cursor.parse(text)


def test_texts_are_found_in_any_case_and_behind_escapes(project: Project, search: Search) -> None:
    one = replace(project, id="one")
    row = real_message("a", note="Häfen")
    kill(one, Row(row.data_row_key, row.raw.replace("ä".encode(), b"\\u00e4"), 0))

    for words, number in ((("hÄfen",), 1), (("refused", "häfen"), 0), (("annotations[3]",), 1)):
        assert len(search.page(["one"], DeadLetterFilter(words=words)).dead_letters) == number
