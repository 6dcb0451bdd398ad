"""The language that selects dead letters: what is written is read as the same query, and mistakes are explained."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.dead_letters.query import FIELDS, MAX_CHARACTERS, MAX_WORDS, Query, QueryError

TEXTS = st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace").decode())
TIMES = st.sampled_from(["2h", "3d ago", "1.5w", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00+02:00"])
QUERIES = st.builds(
    Query,
    **{name: st.none() | TEXTS for name in FIELDS if name not in ("since", "until")},
    since=st.none() | TIMES,
    until=st.none() | TIMES,
    words=st.lists(TEXTS, max_size=3).map(tuple),
)


@given(QUERIES)
def test_a_query_is_read_as_it_was_written(query: Query) -> None:
    assert Query.parse(str(query)) == query


@given(st.text(max_size=60))
def test_any_text_is_read_or_explained(text: str) -> None:
    with suppress(QueryError):
        query = Query.parse(text)
        assert Query.parse(str(query)) == query


def test_fields_and_texts_may_be_mixed_in_any_order() -> None:
    query = Query.parse('  lamp reason:wrong-kind "two words" model:"m \\"1\\"" row:k:cam/1 since:2h ')

    assert query == Query(reason="wrong-kind", model='m "1"', row="k:cam/1", since="2h", words=("lamp", "two words"))
    assert str(query) == 'reason:wrong-kind model:"m \\"1\\"" row:k:cam/1 since:2h lamp "two words"'
    assert Query.parse("") == Query()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modle:x", "no field is called 'modle': did you mean model?"),
        ("words:x", "no field is called 'words'"),
        ("model:x model:y", "model is there twice"),
        ("since:2", "since: expected RFC 3339 with a zone"),
        ('"open', "cannot read"),
        ("model:", "is not a field: put a text with a colon in quotes"),
        ('a"b', "cannot read"),
        ("http://host", "put it in quotes"),
        ("x" * (MAX_CHARACTERS + 1), f"at most {MAX_CHARACTERS} characters"),
        (" ".join("abcdefghijkl"), f"at most {MAX_WORDS} texts"),
    ],
)
def test_a_mistake_says_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(QueryError) as raised:
        Query.parse(text)

    assert said in str(raised.value)


def test_times_are_counted_back_from_the_clock_of_redis() -> None:
    chosen = Query.parse("since:2h until:1970-01-01T00:00:01Z").filter_at(10_000_000)

    assert (chosen.since_ms, chosen.until_ms) == (10_000_000 - 7_200_000, 1000)
