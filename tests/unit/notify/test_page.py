"""The page about notifications says what the code does."""

import json
import re

from prelabel_worker.notify.fact import TRAITS, Fact, Kind
from prelabel_worker.notify.message import MAX_SHOWN, Sender
from prelabel_worker.notify.watch import MAX_CHANGES, MAX_OPEN, Change, Outgoing
from prelabel_worker.presence import SILENT_SECONDS
from tests.support.sources import ROOT

PAGE = (ROOT / "docs/how-to/be-told.md").read_text("utf-8")


def test_the_page_lists_every_kind_in_order_of_urgency() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.M) == [kind.value for kind in Kind]


def test_the_example_is_what_is_sent() -> None:
    (example,) = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.S))
    (shown,) = example["prelabel"]["changes"]
    own = {"change", "kind", "subject", "at", "text", "link"}
    fields = {name: value for name, value in shown.items() if name not in own}
    fact = Fact(Kind(shown["kind"]), shown["subject"], shown["text"], fields)
    change = Change(fact.kind, fact.subject, True, 1_795_957_200.123, fact.text, dict(fact.fields))

    made = json.loads(Sender("https://console.example.com").body(Outgoing((change,), 0)))

    made["prelabel"]["id"] = example["prelabel"]["id"]
    assert made == example
    assert list(made["prelabel"]["changes"][0]) == list(shown)


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    for figure in (
        f"ticked for {SILENT_SECONDS:.0f} s",
        f"more than {MAX_OPEN} troubles",
        f"Up to {MAX_CHANGES} changes",
    ):
        assert figure in PAGE
    assert MAX_SHOWN == 10, "which names ten changes"
    for kind in (Kind.ACCOUNT_STOPPED, Kind.LABELBOX_AWAY, Kind.ROWS_LATE):
        (row,) = re.findall(rf"^\| `{kind}` \|.*", PAGE, re.M)
        assert f"for {TRAITS[kind].clears_seconds:.0f} s" in row
