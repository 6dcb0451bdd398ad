"""Messages fit chats and programs, and have no markup, mention or link of a stranger."""

import json
from typing import Any

import pytest

from prelabel_worker.notify.fact import Fact, Kind, quoted
from prelabel_worker.notify.message import MAX_SHOWN, Sender
from prelabel_worker.notify.watch import Outgoing, State, observed, outgoing

HOSTILE = "<!channel> @here `x` [a](https://evil.example) \u202e \x1b[2J" + "y" * 500


def message(*facts: Fact) -> Outgoing:
    found = outgoing(observed(observed(State(), facts, 100.0), facts, 110.0), 110.0)
    assert found is not None
    return found


def body(sender: Sender, *facts: Fact) -> Any:
    return json.loads(sender.body(message(*facts)))


PAUSED = Fact(Kind.PROJECT_PAUSED, "cm1", "project `cm1` is paused (operator): `budget`", {"cause": "operator"})


def test_one_trouble_is_one_line_with_a_link_to_the_console() -> None:
    text = body(Sender("https://console.example", "production"), PAUSED)["text"]

    assert text == (
        "prelabel production: project `cm1` is paused (operator): `budget` – https://console.example/projects/cm1"
    )


def test_programs_get_the_same_as_fields() -> None:
    fields = body(Sender("https://console.example", "production"), PAUSED)["prelabel"]

    assert fields["version"] == 1
    assert fields["environment"] == "production"
    assert fields["more"] == 0
    assert fields["changes"] == [
        {
            "cause": "operator",
            "change": "began",
            "kind": "project-paused",
            "subject": "cm1",
            "at": "1970-01-01T00:01:40.000Z",
            "text": PAUSED.text,
            "link": "https://console.example/projects/cm1",
        }
    ]


def test_without_a_console_there_is_no_link() -> None:
    document = body(Sender(), PAUSED)

    assert "http" not in document["text"]
    assert "link" not in document["prelabel"]["changes"][0]


def test_a_storm_names_a_few_and_counts_the_rest() -> None:
    facts = [Fact(Kind.PROJECT_PAUSED, f"p{at}", f"project `p{at}` is paused") for at in range(47)]

    document = body(Sender(), *facts)

    lines = document["text"].split("\n")
    assert lines[0] == "prelabel: 47 changes"
    assert lines[-1] == "• and 37 more"
    assert len(document["prelabel"]["changes"]) == MAX_SHOWN
    assert document["prelabel"]["more"] == 37


def test_the_same_changes_have_the_same_id_and_others_another() -> None:
    sender = Sender()

    assert body(sender, PAUSED)["prelabel"]["id"] == body(sender, PAUSED)["prelabel"]["id"]
    other = Fact(Kind.PROJECT_PAUSED, "cm2", "")
    assert body(sender, PAUSED)["prelabel"]["id"] != body(sender, other)["prelabel"]["id"]


def test_a_name_of_others_is_code_without_markup_or_controls() -> None:
    name = quoted(HOSTILE)

    assert name.startswith("`")
    assert name.endswith("…`")
    assert name.count("`") == 2, "it cannot end the code"
    assert not set(name) & set("<>\u202e\x1b")
    assert len(name) < 130


@pytest.mark.parametrize("kind", Kind)
def test_a_subject_cannot_leave_its_place_in_a_link(kind: Kind) -> None:
    sender = Sender("https://console.example")
    document = body(sender, Fact(kind, "../a?b#c d", "text"))

    link = document["prelabel"]["changes"][0]["link"]
    assert link.startswith("https://console.example/")
    assert not set(link.removeprefix("https://")) & set("?# ")
    assert "/../" not in link


def test_a_test_message_has_the_form_of_the_others() -> None:
    document = json.loads(Sender("", "staging").test_body("host-1"))

    assert document["text"] == "prelabel staging: a test from host-1: notifications arrive here"
    assert document["prelabel"]["changes"] == []
