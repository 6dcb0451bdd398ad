"""Every key in Redis: its name, its type, its meaning.

All keys of one project share the root `<prefix>:{<project>}`. The braces make a Redis Cluster keep them in one
slot, so that one script can change them together; scripts are given the root and append the names that
`ProjectKeys` has.
"""

import re
from typing import Any

DEFAULT_PREFIX = "prelabel"
PREFIX_CHARACTERS = "A-Z, a-z, 0-9, _, . and -"
_PREFIX = re.compile("[A-Za-z0-9_.-]{1,64}")


def is_prefix(value: Any) -> bool:
    """Return whether a value can be the prefix of all keys; it may be of any type."""
    return isinstance(value, str) and _PREFIX.fullmatch(value) is not None


def project_root(prefix: str, project_id: str) -> str:
    """Return the beginning of every key of this project."""
    return f"{prefix}:{{{project_id}}}"


class ProjectKeys:
    """The keys of one project. Each docstring begins with the key's type in Redis."""

    __slots__ = ("root",)

    def __init__(self, prefix: str, project_id: str) -> None:
        self.root = project_root(prefix, project_id)

    def named(self, name: str) -> str:
        """Return the key with this name, which scripts append to the root in the same way."""
        return f"{self.root}:{name}"

    @property
    def meta(self) -> str:
        """Hash: facts about the project as a whole; times in ms.

        `lanes` (their number), `seq` (last arrival number), `lingerMs`, `chunkRows`, `pausedUntil`, `pauseReason`,
        `pauseCause`, `historyBytes`, `flushedSeq`;
        `forms` (how imported rows name their data rows: `i` by id, `k` by global key, `ik` both; it counts only while
        a row is imported);
        while the project is being purged `purgeSeq` (the last arrival number that it covers), `purgeBy`, `purgeMs`;
        `overridden` (rows that were imported over an earlier import of this project), `addedAgain` (rows that were
        imported beside an earlier import, since some of their lines cannot override), `deadByPolicy` (dead letters that
        the policy made, ever), `undoneRows` (discarded rows whose imports were undone);
        `openMost` (how many chunks may be open now), `openBound` (the limit of the settings), `openFewerMs` (when
        `openMost` was last halved), `openMoreMs` (when it may grow), `importMs` (how long imports take), `deadLetterMs`
        (how long dead letters are kept).
        """
        return f"{self.root}:meta"

    @property
    def overrides(self) -> str:
        """Hash: the settings that an operator has overridden, see `operations/overrides.py`."""
        return f"{self.root}:overrides"

    @property
    def counts(self) -> str:
        """Hash: rows that are `published`, `imported`, `superseded`, `skipped`, `dead`, `discarded`."""
        return f"{self.root}:counts"

    @property
    def frames(self) -> str:
        """Hash: frame id → the frame's bytes, until all its rows are settled."""
        return f"{self.root}:frames"

    @property
    def left(self) -> str:
        """Hash: frame id → number of its rows that are not settled."""
        return f"{self.root}:left"

    @property
    def flow(self) -> "FlowKeys":
        """The keys of the project's numbers by time."""
        return FlowKeys(self.root)

    @property
    def seen(self) -> str:
        """Sorted set: frame id → ms when it was settled; a frame sent again is not counted again."""
        return f"{self.root}:seen"

    def lane(self, number: int) -> str:
        """List: the waiting entries, each `kind id version rows bytes slow seq arrivedMs`.

        An entry's kind is `f` (a frame) or `h` (a held row on its way back; its id is the held id). An entry of kind
        `h` has a ninth field, when the row was published in ms, unless an older release held the row.
        """
        return f"{self.root}:lane:{number}"

    @property
    def inbox(self) -> str:
        """Hash: `rows` (waiting in all lanes); for lane n `<n>:rows` (waiting in it), `<n>:open` (its open chunks)."""
        return f"{self.root}:inbox"

    @property
    def chunks(self) -> str:
        """Sorted set: chunk id → ms when it was cut."""
        return f"{self.root}:chunks"

    def chunk(self, chunk_id: str) -> str:
        """Hash: `v` (the newest version of the data in it), and the fields that `chunks/chunk.py` reads."""
        return f"{self.root}:chunk:{chunk_id}"

    def chunk_aside(self, chunk_id: str) -> str:
        """Bitmap: rows of the chunk that were set aside."""
        return f"{self.root}:chunk:{chunk_id}:aside"

    def chunk_sent(self, chunk_id: str) -> str:
        """String: the uuids of the import's lines, see `chunks/sent_lines.py`."""
        return f"{self.root}:chunk:{chunk_id}:sent"

    def chunk_past(self, chunk_id: str) -> str:
        """String: history entries of the chunk's rows that have their outcome."""
        return f"{self.root}:chunk:{chunk_id}:past"

    def chunk_refusals(self, chunk_id: str) -> str:
        """Hash: numbers of refusals, `upload` and `import`, in the bisection that began with this chunk; expires.

        They are counted from the bisection's last success on.
        """
        return f"{self.root}:chunk:{chunk_id}:refusals"

    @property
    def history(self) -> str:
        """Sorted set: `<chunk id> <bytes>` → ms when it was settled."""
        return f"{self.root}:history"

    def history_record(self, chunk_id: str) -> str:
        """String: what became of the chunk's rows, see `chunks/history.py`."""
        return f"{self.root}:history:{chunk_id}"

    @property
    def undoing(self) -> str:
        """Hash: chunk id → the head of its history record, while its import is being deleted."""
        return f"{self.root}:undoing"

    @property
    def undone(self) -> str:
        """Hash: chunk id → ms when its import was undone, and its rows; removed with the history record."""
        return f"{self.root}:undone"

    def imported(self, memory: str, generation: int, number: int) -> str:
        """Set: digests of imported rows, in the memory `imported` or `sample`, see `chunks/imported_rows.py`."""
        return f"{self.root}:{memory}:{generation}:{number}"

    def imported_sets(self, memory: str, generation: int) -> str:
        """Bitmap: the numbers of the sets that the memory has in this generation."""
        return f"{self.root}:{memory}:{generation}"

    @property
    def timers(self) -> str:
        """Sorted set: `group`, `retry`, `expire`, `chunk:<id>` → ms when due."""
        return f"{self.root}:timers"

    @property
    def held(self) -> str:
        """Hash: held id → its state as JSON."""
        return f"{self.root}:held"

    @property
    def held_body(self) -> str:
        """Hash: held id → details and the original message."""
        return f"{self.root}:held:body"

    @property
    def held_rows(self) -> str:
        """Hash: row key → held ids."""
        return f"{self.root}:held:rows"

    @property
    def retrying(self) -> str:
        """Sorted set: held id → ms when it is tried again."""
        return f"{self.root}:retrying"

    @property
    def retrying_queued(self) -> str:
        """Sorted set: held id → ms when it was sent back; the retrying rows whose try is in progress."""
        return f"{self.root}:retrying:queued"

    @property
    def dead(self) -> str:
        """Sorted set: held id → ms when it died."""
        return f"{self.root}:dead"

    def dead_reason(self, reason: str) -> str:
        """Sorted set: the members of `dead` with this reason."""
        return f"{self.root}:dead:reason:{reason}"

    def dead_group(self, fingerprint: str) -> str:
        """Sorted set: the members of `dead` with this fingerprint."""
        return f"{self.root}:dead:group:{fingerprint}"

    @property
    def dead_reasons(self) -> str:
        """Hash: reason → rows."""
        return f"{self.root}:dead:reasons"

    @property
    def dead_groups(self) -> str:
        """Hash: fingerprint → rows."""
        return f"{self.root}:dead:groups"

    @property
    def dead_sample(self) -> str:
        """Hash: fingerprint → one held id."""
        return f"{self.root}:dead:sample"

    @property
    def dead_queued(self) -> str:
        """Sorted set: held id → ms when it was sent back; the retried dead letters whose try is in progress."""
        return f"{self.root}:dead:queued"

    @property
    def dead_messages(self) -> str:
        """Hash: message id → held id of the message's latest dead letter."""
        return f"{self.root}:dead:messages"

    @property
    def actions(self) -> str:
        """List: the actions of operators on dead letters, newest first, see `operations/action_log.py`."""
        return f"{self.root}:actions"

    @property
    def ontology(self) -> str:
        """Hash: `normalized`, `mediaType`, `name`, `fetchedMs`, `retriedMs`, `refreshMs`; times in ms.

        `fetchedMs` is when the request for it began; the other two are when an operator last retried rows, and asked
        for a refresh.
        """
        return f"{self.root}:ontology"

    @property
    def ontology_flight(self) -> str:
        """String: exists while a worker fetches the ontology, for at most 10 s."""
        return f"{self.root}:ontology:flight"


class FlowKeys:
    """Numbers by time of a project or an account: hashes of counters, which scripts/lib/flow_lib.lua writes.

    A field is `<place>:<series>`, and in `total` only `<series>`. Series of a project are `published` (not in `total`,
    since `counts` has it), `imported`, `superseded`, `skipped`, `discarded`, `retried`, `dead:<reason>`,
    `fresh:<seconds>` and `fresh:ms` (see chunks/freshness.py); those of an account are `<operation>:<status>`,
    `seconds:<operation>:<seconds>` and `seconds:<operation>:ms` (see accounts/request_counts.py).
    """

    __slots__ = ("_root",)

    def __init__(self, root: str) -> None:
        self._root = root

    def minutes(self, number: int) -> str:
        """Hash: the minutes 0 to 9 of the ten minutes with this number since 1970; expires after 80 minutes."""
        return f"{self._root}:flow:m:{number}"

    def quarters(self, number: int) -> str:
        """Hash: the quarter hours 0 to 7 of the two hours with this number since 1970; expires after 27 hours."""
        return f"{self._root}:flow:q:{number}"

    @property
    def total(self) -> str:
        """Hash: the sums since the first release that counted them; they never fall."""
        return f"{self._root}:flow:total"

    def groups(self, number: int) -> str:
        """Hash: `<quarter hour>:<fingerprint>` → new dead letters, of a project; as `quarters`.

        At most 1,000 fields; what comes later is counted as `<quarter hour>:other`.
        """
        return f"{self._root}:flow:groups:{number}"

    @property
    def first(self) -> str:
        """Hash: fingerprint → ms of its first dead letter ever, of a project.

        At most 10,000 fields; with each one more, a random one is removed.
        """
        return f"{self._root}:flow:first"


def projects(prefix: str) -> str:
    """Sorted set: project → ms when to look at it next; members are never removed."""
    return f"{prefix}:projects"


def polls(prefix: str) -> str:
    """Sorted set: `<project> <chunk id>` of a running import → ms when to poll it next.

    It tells which imports are due without a look at their projects. A lost member costs a lease: the chunk's timer is
    set that much later.
    """
    return f"{prefix}:polls"


def account(prefix: str, name: str) -> str:
    """Hash: an account's budget and its stops; times in ms.

    `nextMs` (the next request at the steady rate), `lineMs` (when the last upload in the line asks again),
    `pollMs`, `pollSeats` (the next waiting poll, and how many imports may join it), `perMinute`,
    `burst` (the limit that a worker set last),
    `factor`, `loweredMs` (the share of the rate after 429s, and since when), `minute`, `used`, `usedBefore` (the
    number of the minute, and the requests in it and in the minute before);
    for each stop `throttled`, `paused`, `refused`: `<stop>Until`, `<stop>Why`, and `refusedKey`; for the breaker
    `failures` in a row, `openings` in a row, `openUntil`, `probeUntil`, `probeProject`. See
    scripts/lib/account_lib.lua.
    """
    return f"{prefix}:account:{{{name}}}"


def account_flow(prefix: str, name: str) -> FlowKeys:
    """The account's requests by time; in the cluster slot of the account."""
    return FlowKeys(account(prefix, name))


def actions(prefix: str) -> str:
    """List: the actions of operators on accounts, newest first, see `operations/action_log.py`."""
    return f"{prefix}:actions"


def error_groups(prefix: str) -> str:
    """Hash: fingerprint of a group → its state as JSON, if an operator has set one, see `dead_letters/group_state.py`.

    A group has the dead letters of one cause in all projects.
    """
    return f"{prefix}:groups"


def bulk_actions(prefix: str) -> str:
    """Hash: id of a bulk action → its progress, see `dead_letters/bulk_log.py`; `abort:<id>` → who aborts it."""
    return f"{prefix}:bulk"


def priorities(prefix: str) -> str:
    """Hash: project → its priority, if an operator has set one: the weight of its turns."""
    return f"{prefix}:priorities"


def quarantine(prefix: str) -> str:
    """Hash: project → why its keys cannot be used, as JSON (`ms`, `stage`, `detail`), see `quarantine/quarantine.py`.

    Only workers write it: the ACL in docs/how-to/run-in-production.md does not let publishers write this key.
    """
    return f"{prefix}:quarantine"


def project_names(prefix: str) -> str:
    """Hash: project → its name at Labelbox and when a console asked, as JSON, see `prelabel_console/names.py`."""
    return f"{prefix}:names"


def workers(prefix: str) -> str:
    """Hash: worker name → JSON that describes the worker and says when it last ticked."""
    return f"{prefix}:workers"
