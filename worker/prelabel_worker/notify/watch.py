"""Decide what to tell: the facts told before and the facts of now become changes, and changes become messages. No I/O.

Every function returns a new state. Times are seconds by Redis's clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from prelabel_worker.notify.fact import TRAITS, Fact, Kind, Value, quoted

MAX_OPEN = 500
"""Maximum troubles that are followed one by one; the others are told as a number."""
MAX_CHANGES = 100
"""Maximum changes that wait to be sent; the others are counted."""
MESSAGES_PER_WINDOW = 10
WINDOW_SECONDS = 60.0
"""In any 60 s at most ten messages are sent; what happens meanwhile is in the next one."""
MAX_BACKOFF_SECONDS = 300.0
_KINDS = frozenset(kind.value for kind in Kind)
_ORDER = {kind: at for at, kind in enumerate(Kind)}


class OpenFact(msgspec.Struct, frozen=True, rename="camel"):
    """A trouble that holds, or that ended so recently that it may come back."""

    #: When it was first observed.
    since: float
    #: Whether its beginning is among the changes.
    told: bool = False
    #: Since when it has been gone; 0 while it holds.
    gone: float = 0.0


class Change(msgspec.Struct, frozen=True, rename="camel"):
    """The beginning or the end of a trouble, which waits to be sent."""

    #: A `Kind`.
    kind: str
    subject: str
    #: Whether the trouble began; else it ended.
    began: bool
    at: float
    text: str
    fields: dict[str, Value] = {}


class State(msgspec.Struct, frozen=True, rename="camel"):
    """All that is remembered between two looks, and by the next holder of the lease."""

    #: The key of a fact → what is known of it.
    open: dict[str, OpenFact] = {}
    #: Oldest first.
    changes: tuple[Change, ...] = ()
    #: Number of changes that are not among `changes`, since there were too many.
    uncounted: int = 0
    #: When the messages of the last minute were sent.
    sent: tuple[float, ...] = ()
    #: Failed attempts in a row.
    failures: int = 0
    #: When the next attempt may begin.
    retry_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What one message tells."""

    changes: tuple[Change, ...]
    #: Number of further changes.
    uncounted: int


def observed(state: State, facts: Iterable[Fact], now: float) -> State:
    """Return the state after a look that observed these facts."""
    holding = _followed(state, facts)
    still_open: dict[str, OpenFact] = {}
    changes: list[Change] = []
    for key, fact in holding.items():
        known = msgspec.structs.replace(state.open.get(key) or OpenFact(since=now), gone=0.0)
        if not known.told and now - known.since >= TRAITS[fact.kind].appears_seconds:
            known = msgspec.structs.replace(known, told=True)
            changes.append(Change(fact.kind.value, fact.subject, True, now, fact.text, dict(fact.fields)))
        still_open[key] = known
    for key, known in state.open.items():
        if key not in holding:
            change, remaining = _without(key, known, now)
            changes += [change] if change else []
            still_open |= {key: remaining} if remaining else {}
    pending = [*state.changes, *changes]
    if len(pending) > MAX_CHANGES:
        pending = _without_pairs(pending)[:MAX_CHANGES]
    left_out = len(state.changes) + len(changes) - len(pending)
    return msgspec.structs.replace(state, open=still_open, changes=tuple(pending), uncounted=state.uncounted + left_out)


def _without_pairs(changes: Iterable[Change]) -> list[Change]:
    """Return the changes without those that another one of the same trouble takes back, so that the last state is told.

    Older changes go first: a message with them may be on its way.
    """
    last: dict[tuple[str, str], Change] = {}
    for change in changes:
        trouble = (change.kind, change.subject)
        taken_back = last.pop(trouble, None)
        if taken_back is None or taken_back.began == change.began:
            last[trouble] = change
    return sorted(last.values(), key=lambda change: change.at)


def _followed(state: State, facts: Iterable[Fact]) -> Mapping[str, Fact]:
    """Return the facts to follow by their keys: those that are open already, then as many others as there is room for.

    If there are more, one further fact says so.
    """
    by_key = {fact.key: fact for fact in facts}
    if len(by_key) <= MAX_OPEN:
        return by_key
    ordered = sorted(by_key, key=lambda key: (key not in state.open, _ORDER[by_key[key].kind], key))
    left = len(by_key) - MAX_OPEN
    more = Fact(Kind.MORE, "", f"{left:,} further troubles are not told one by one", {"troubles": left})
    return {key: by_key[key] for key in ordered[:MAX_OPEN]} | {more.key: more}


def _without(key: str, known: OpenFact, now: float) -> tuple[Change | None, OpenFact | None]:
    """Return the change that the absence of a fact makes, if any, and what to remember of the fact, if anything."""
    kind, _, subject = key.partition(":")
    if kind not in _KINDS:
        return None, known  # of another release, which may still observe it
    if not known.told:
        return None, None
    trait = TRAITS[Kind(kind)]
    gone = known.gone or now
    if now - gone < trait.clears_seconds:
        return None, msgspec.structs.replace(known, gone=gone)
    if trait.ended is None:
        return None, None
    text = trait.ended.format(subject=quoted(subject))
    return Change(kind, subject, False, now, text, {"seconds": round(gone - known.since)}), None


def outgoing(state: State, now: float) -> Outgoing | None:
    """Return what to send now; None if there is nothing, or if the next message must wait."""
    recent = [at for at in state.sent if at > now - WINDOW_SECONDS]
    if not state.changes or now < state.retry_at or len(recent) >= MESSAGES_PER_WINDOW:
        return None
    return Outgoing(state.changes, state.uncounted)


def delivered(state: State, sent: Outgoing, now: float) -> State:
    """Return the state after the receiver accepted a message; changes that came meanwhile wait for the next one.

    The state may be that of a process that held the lease meanwhile: only what the message told is removed.
    """
    recent = tuple(at for at in state.sent if at > now - WINDOW_SECONDS)
    return msgspec.structs.replace(
        state,
        changes=tuple(change for change in state.changes if change not in sent.changes),
        uncounted=max(0, state.uncounted - sent.uncounted),
        sent=(*recent, now),
        failures=0,
        retry_at=0.0,
    )


def failed(state: State, now: float, *, jitter: float, least_seconds: float = 0.0) -> State:
    """Return the state after a message was not accepted; `jitter` is a random number from 0 to 1.

    The next attempt waits twice as long as the one before, and at least `least_seconds`, which the receiver asked for.
    """
    longest = min(MAX_BACKOFF_SECONDS, 2.0 ** min(state.failures, 20))
    wait = max(longest * (0.5 + jitter / 2), min(least_seconds, MAX_BACKOFF_SECONDS))
    return msgspec.structs.replace(state, failures=state.failures + 1, retry_at=now + wait)


def kept(state: State) -> bytes:
    """Return the state as it is stored."""
    return msgspec.json.encode(state)


def restored(text: bytes) -> State:
    """Return a stored state; an empty one for a text that is none. Then what holds is told once more."""
    try:
        return msgspec.json.decode(text, type=State) if text else State()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return State()


def open_facts(state: State) -> Sequence[tuple[str, str, float]]:
    """Return kind, subject and beginning of every trouble that was told and holds, oldest first."""
    told = [(key, known.since) for key, known in state.open.items() if known.told and not known.gone]
    return [(*key.partition(":")[::2], since) for key, since in sorted(told, key=lambda entry: entry[1])]
