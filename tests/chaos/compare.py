"""Compares the pre-labels in Labelbox, and the dead letters, with the messages that were published."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.journal import Went
from tests.chaos.workload import ANNOTATIONS, Kind, Message, Workload, read_pre_label

Slot = tuple[str, str, int]
"""Project, global key, model: what only the latest message may stand for."""
_SHOWN = 5


@dataclass
class Verdict:
    """The numbers of slots and messages that are wrong; `examples` describes some of them."""

    lost: int = 0
    doubled: int = 0
    older: int = 0
    foreign: int = 0
    examples: list[str] = field(default_factory=list)

    def say(self, what: str, amount: int, example: str) -> None:
        """Count wrong slots or messages, and keep an example."""
        setattr(self, what, getattr(self, what) + amount)
        if len(self.examples) < _SHOWN:
            self.examples.append(f"{what}: {example}")

    @property
    def right(self) -> bool:
        """Return whether nothing is wrong."""
        return not (self.lost or self.doubled or self.older or self.foreign)


class Expected:
    """What the journals allow. `versions`: of each slot those that may stand there; None: there may be nothing.

    `bad`: the messages that may be held; `held`: of each group of them at least one is.
    """

    def __init__(self) -> None:
        self.versions: dict[Slot, list[int | None]] = {}
        self.bad: set[str] = set()
        self.held: dict[Slot | str, list[str]] = {}
        self.confirmed = 0
        self.begun = 0

    def add(self, batch: Iterable[Message], *, confirmed: bool) -> None:
        """Add a batch that was begun; call this in the order of a producer's batches."""
        for message in batch:
            self.begun += 1
            self.confirmed += confirmed
            slot = (message.project, message.key, message.model)
            if message.kind is not Kind.GOOD:
                self.bad.add(message.id)
                # Only Labelbox knows that a data row is not there: until it has said so, a newer message supersedes.
                group = slot if message.kind is Kind.NO_DATA_ROW else message.id
                if confirmed:
                    self.held[group] = [message.id]
                elif group in self.held:
                    self.held[group].append(message.id)
            elif confirmed:
                self.versions[slot] = [message.version]
            else:
                self.versions.setdefault(slot, [None]).append(message.version)


def expected(workload: Workload, journals: Mapping[int, Went]) -> Expected:
    """Return the expectations that follow from the journals of the producers."""
    found = Expected()
    for producer, went in journals.items():
        for number in range(went.begun):
            found.add(workload.batch(producer, number), confirmed=number in went.confirmed)
    return found


def compare_pre_labels(wanted: Expected, lines: Iterable[tuple[str, dict[str, Any]]], verdict: Verdict) -> None:
    """Compare the pre-labels in Labelbox; `lines` has the project and line of each."""
    found: dict[Slot, list[int | None]] = {}
    for project, line in lines:
        label = read_pre_label(line)
        slot = (project, label.key, label.model)
        if slot not in wanted.versions or not 0 <= label.ordinal < ANNOTATIONS:
            verdict.say("foreign", 1, f"{project} {line}")
            continue
        versions = found.setdefault(slot, [None] * ANNOTATIONS)
        if versions[label.ordinal] is not None:
            verdict.say("doubled", 1, f"{slot} annotation {label.ordinal}")
        versions[label.ordinal] = label.version
    for slot, allowed in wanted.versions.items():
        versions = found.get(slot, [None] * ANNOTATIONS)
        if len(set(versions)) == 1 and versions[0] in allowed:
            continue
        what = "lost" if None in versions else "older"
        verdict.say(what, 1, f"{slot} has {versions}, allowed are {allowed}")


def compare_dead(wanted: Expected, held: Iterable[str], verdict: Verdict) -> None:
    """Check that `held`, the message ids of dead letters and retrying rows, has each bad message once and no others."""
    counts = Counter(held)
    for message_id, count in counts.items():
        if message_id not in wanted.bad:
            verdict.say("foreign", count, f"{message_id} is held")
        elif count > 1:
            verdict.say("doubled", count - 1, f"{message_id} is held {count} times")
    for messages in wanted.held.values():
        if not counts.keys() & set(messages):
            verdict.say("lost", 1, f"one of {messages} was to be held")
