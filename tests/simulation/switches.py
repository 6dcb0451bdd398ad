"""The rules of the protocol, each with a way to leave it out: a simulation without it must fail.

A switch replaces a line of a script or of a function, and complains when that line is not there any more.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

import prelabel_worker.chunks.ledger
import prelabel_worker.operations.purge
import prelabel_worker.operations.undo
import prelabel_worker.stages.settle
import prelabel_worker.stages.submit
from prelabel.publishing.inbox import Inbox
from prelabel.publishing.outbox import Outbox
from prelabel.publishing.outboxes import Outboxes
from prelabel_worker.chunks.leases import Lease
from prelabel_worker.chunks.ledger import Ledger
from tests.simulation.patches import changed, script_sources, standing_for, with_virtual_clock
from tests.simulation.wire import Wire

Change = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Switch:
    """A rule that is left out: `lua` are lines of scripts and what stands there instead, `python` changes of ours."""

    rule: str
    lua: dict[str, str] = field(default_factory=dict)
    python: tuple[Change, ...] = ()

    def rewrite(self, source: str) -> str:
        """Return a script for this simulation."""
        for old, new in self.lua.items():
            source = source.replace(old, new)
        return with_virtual_clock(source)

    @contextmanager
    def off(self) -> Iterator[None]:
        """Run the block without the rule."""
        for old in self.lua:
            assert any(old in source for source in script_sources().values()), f"no script says {old!r} any more"
        with ExitStack() as stack:
            for change in self.python:
                stack.enter_context(change())
            yield


def _in(owner: object, name: str, old: str, new: str) -> Change:
    return lambda: changed(owner, name, old, new)


_THERE = "return redis.call('EXISTS', chunk_key(id)) == 1"
NOTHING = Switch("none is left out")

SWITCHES = {
    "lanes": Switch("a lane has one open chunk", {"rows > 0 and open == 0": "rows > 0"}),
    "held-number": Switch("held rows keep their number and are superseded", {"  if as_new then\n": "  if true then\n"}),
    "uncertain": Switch(
        "`submitting` taken over counts as uncertain", {"if chunk[1] == 'submitting' then": "if false then"}
    ),
    "spool-order": Switch(
        "the spool keeps order",
        python=(
            _in(
                Outbox,
                "begin_send",
                "if self.buffer.spooled > 0:",
                "if self.buffer.spooled > 0 and not self.buffer.waiting:",
            ),
        ),
    ),
    "journal-cut": Switch(
        "frames are in the journal before they are sent",
        python=(_in(Outboxes, "frames", "self._write_cut(box)", "pass"),),
    ),
    "token": Switch(
        "the token is the worker's, not the hint's",
        {"if lease > now then": "if lease > now and redis.call('HGET', key, 'token') ~= ARGV[2] then"},
        (_in(Ledger, "take_all", "[secrets.token_hex(8) for _ in names]", "[name for _, name in names]"),),
    ),
    "server-limit": Switch(
        "the server's limit is waited out",
        python=(_in(prelabel_worker.stages.submit._Submission, "_is_nowhere", "if remaining > 0:", "if False:"),),
    ),
    "frame-memory": Switch("frame ids are remembered", {"redis.call('ZADD', root .. ':seen', unpack(seen))": "do end"}),
    "shared-parts": Switch("a lane has its own rows of a frame that several share", {"entry[9] = low": "entry[9] = 0"}),
    "barrier": Switch(
        "an answer and a POST wait until Redis is durable", python=(lambda: standing_for(Wire, barrier=lambda _: None),)
    ),
    "slot-timers": Switch(
        "the script that brings rows sets the timer",
        {"redis.call('ZADD', root .. ':timers', 'LT', string.format('%.0f', due), 'group')": "do end"},
        (
            _in(
                Inbox,
                "_send",
                "pipeline.evalsha(",
                "self.client.zadd(f'{root}:timers', {'group': 1}, lt=True); pipeline.evalsha(",
            ),
        ),
    ),
    "validate-first": Switch(
        "rows are validated before they are superseded",
        python=(
            _in(
                prelabel_worker.stages.submit,
                "build",
                "    for part in rows:",
                "    rows = [row for part in rows for row in (part.rows() if isinstance(part, RowBlock) else [part])]\n"
                "    newest_of = {facts_of(r.raw).row_key: r.seq for r in sorted(rows, key=lambda r: r.seq)}\n"
                "    for part in rows:\n"
                "        if isinstance(part, ChunkRow) and part.seq < newest_of[facts_of(part.raw).row_key]:\n"
                "            build.set_aside.append(_superseded(part.index, part.held_id, b''))\n            continue",
            ),
        ),
    ),
    "partial-supersedes": Switch(
        "messages that are imported in part supersede",
        python=(
            _in(
                prelabel_worker.stages.settle._Settlement,
                "_add_held",
                "if verdict is not None and (verdict.taken or verdict.missing):",
                "if False:",
            ),
        ),
    ),
    "empty-supersedes": Switch(
        "messages without annotations supersede held rows",
        python=(
            _in(
                prelabel_worker.stages.submit._Submission,
                "_superseding",
                "if outcome.supersedes in held",
                "if False",
            ),
        ),
    ),
    "holder": Switch(
        "only the token's holder changes a chunk",
        {"return token ~= '' and redis.call('HGET', chunk_key(id), 'token') == token": _THERE},
    ),
    "last-piece": Switch(
        "the last piece of an upload goes under a valid lease",
        python=(_in(Lease, "valid", "return time.monotonic() < self.until", "return True"),),
    ),
    "undo-once": Switch(
        "what was begun of an undoing ends with the move", {"redis.call('HDEL', root .. ':undoing', id)": "do end"}
    ),
    "undo-deletes": Switch(
        "rows of an import move when it is deleted",
        python=(
            _in(
                prelabel_worker.operations.undo.Undo,
                "_slice",
                "remaining = self._delete(service, project_id, begun) if begun else set()",
                "remaining = set()",
            ),
        ),
    ),
    "purge-unsent": Switch(
        "a purge leaves alone what may have been sent",
        {"not (purging and unsent)": "not purging"},
        (
            lambda: standing_for(
                prelabel_worker.operations.purge, _UNSENT=("open", "waiting", "submitting", "uncertain")
            ),
        ),
    ),
    "purge-order": Switch(
        "a purge cuts chunks from free lanes only", {"open == 0 and max_entries - #items or 0": "max_entries - #items"}
    ),
    "listed-while-tried": Switch(
        "a row is listed while it is tried, and no longer", {"  if old then unlist_queued(id) end\n": ""}
    ),
    "aside-count": Switch("rows are set aside only beside those before them", {" or was_aside ~= commit.aside": ""}),
    "one-commit": Switch("counters and held rows change in one commit", {"  count('dead', state.weight)\n": "\n"}),
}
