"""Inputs for the stages, made from bytes: writes of a hostile publisher to Redis, and wrong answers of Labelbox."""

import gzip
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis

from prelabel.errors import PrelabelError
from prelabel.wire import keys
from prelabel.wire.frame import HEADER, PLAIN
from tests.support.frames import encode_frame, encode_shared_frame
from tests.support.small_labelbox import Question, Reply
from tests.support.stage_bench import HONEST, OTHER, PREFIX, Bench, car

_Item = TypeVar("_Item")
_LANES = 4

ODD_VALUES: Sequence[bytes] = (
    *(b"", b"{", b"[]", b"{}", b"null", b'"x"', b"[5]", b"-1", b"0", b"1", b"2", b"1.5", b"1e308", b"-1e308", b"nan"),
    *(b"inf", b"-inf", b"9223372036854775807", b"-9223372036854775808", b"9007199254740993", b"4294967296", b"10001"),
    *(b"1000000000", b"1025", b"99999", b"\xff\xfe", b"a b", b"\n", b"x" * 5000, b"[" * 2000, b"0x10", b"1_0", b"\0"),
    *(b"ground-truth", b"skip", b"dead-letter", b"running", b"submitting", b"uncertain", b"waiting", b"open", b"split"),
    *(b"FINISHED", b"FAILED", b"lost", b"other", b"i", b"k", b"f", b"h", b"f 00 0 1 1", b"h 1 0 1 1", b"f 0 0 9 1"),
    *(b"f 1 0 1000000000 1", b"f 1 5 2 1", b"0 1 2 3", b"1 1 1", b"https://127.0.0.1:1/", b"http://[", b"1970"),
)

SCORES: Sequence[float] = (0.0, 1.0, -1.0, float("inf"), float("-inf"), 1e308, -1e308, 1e15, 0.5)
HASHES: dict[str, Sequence[str]] = {
    "meta": (
        *("lanes", "forms", "seq", "lingerMs", "chunkRows", "pausedUntil", "pauseReason", "historyBytes", "flushedSeq"),
        *(
            "overridden",
            "addedAgain",
            "deadByPolicy",
            "undoneRows",
            "openMost",
            "openBound",
            "openFewerMs",
        ),
        *("openMoreMs", "importMs", "deadLetterMs", "pauseCause", "purgeSeq", "purgeBy", "purgeMs"),
    ),
    "overrides": ("chunkRows", "lingerMs", "policy", "priority", "account", "retryHours", "submitAs", "dataRowForms"),
    "counts": ("published", "imported", "superseded", "skipped", "dead", "discarded"),
    "inbox": ("rows", *(f"{lane}:{name}" for lane in range(_LANES) for name in ("rows", "open"))),
    "left": (),
    "frames": (),
    "held": ("1", "2", "f1"),
    "held:body": ("1", "2", "f1"),
    "held:rows": ("1",),
    "dead:reasons": ("refused",),
    "dead:groups": ("g",),
    "dead:sample": ("g",),
    "dead:messages": ("1",),
    "undoing": ("1",),
    "undone": ("1",),
    "ontology": ("normalized", "mediaType", "name", "fetchedMs", "retriedMs", "refreshMs"),
}
CHUNK_FIELDS = (
    *("v", "state", "lanes", "rows", "bytes", "slow", "items", "due", "cutMs", "lease", "attempt", "cursor", "settled"),
    *("aside", "token", "failures", "defects", "defect", "stuckMs", "why", "name", "importId", "maybeUntil", "verdict"),
    *("runningMs", "permitMs", "statusUrl", "errorUrl", "account", "submitAs", "origin", "originRows", "unanswered"),
    *("misses", "oddState", "unread:f1"),
)
CHUNK: dict[str, str] = {
    "v": "1",
    "state": "open",
    "lanes": "0",
    "rows": "1",
    "bytes": "10",
    "slow": "0",
    "items": "h 1 0 1 1",
    "due": "1",
    "cutMs": "1",
    "lease": "0",
    "attempt": "0",
    "cursor": "0",
    "settled": "0",
    "aside": "0",
    "token": "",
    "failures": "0",
    "name": "prelabel-1-1",
    "importId": "job0",
    "runningMs": "1",
}
STATES = ("open", "waiting", "submitting", "uncertain", "running")
SETS = ("timers", "chunks", "retrying", "retrying:queued", "dead", "dead:queued", "seen", "history")
MEMBERS = ("group", "retry", "expire", "chunk:1", "chunk:2", "1", "2", "f1", "1 5", "chunk:\xff", "x")
OTHER_KEYS = (
    *("chunk:1", "chunk:1:aside", "chunk:1:sent", "chunk:1:past", "chunk:1:refusals", "history:1", "ontology:flight"),
    *("actions", "lane:0", "lane:1", "dead:reason:refused", "dead:group:g", "imported:1", "imported:1:1", "sample:1"),
)
HELD: dict[str, Any] = {
    "seq": 1,
    "lane": 0,
    "weight": 1,
    "bytes": 10,
    "slow": 0,
    "reason": "data-row-not-found",
    "group": "g",
    "attempts": 1,
    "first": 1,
    "last": 1,
    "due": 1,
    "since": 1,
}
HELD_ODD: Sequence[Any] = (
    *(None, "", "x", [], {}, -1, 0, 1.5, 1e300, 2**63, 2**53 + 1, 1_000_000_000, True, False, "1", [[]], "0:rows"),
)
JSON_ODD: Sequence[Any] = (None, "", "x", [], {}, -1, 0, 1.5, 2**63, True, "FAILED", "FINISHED", [{}], {"id": "x"})


class Choices:
    """Makes choices from an input's bytes, one after the other; after their end every byte is 0."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def left(self) -> bool:
        """Return whether there are unused bytes."""
        return self._at < len(self._data)

    def number(self, below: int) -> int:
        """Return an integer of at least 0 and less than `below`."""
        size = 1 if below <= 256 else 2
        return int.from_bytes(self.raw(size), "big") % below

    def of(self, items: Sequence[_Item]) -> _Item:
        """Return one of these items."""
        return items[self.number(len(items))]

    def raw(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken.ljust(size, b"\0")

    def value(self) -> bytes:
        """Return an odd value, or bytes of the input."""
        at = self.number(len(ODD_VALUES) + 4)
        return ODD_VALUES[at] if at < len(ODD_VALUES) else self.raw(self.number(24))

    def score(self) -> float:
        """Return a score for a sorted set: an odd one, or a time in the next seconds."""
        at = self.number(len(SCORES) + 2)
        return SCORES[at] if at < len(SCORES) else time.time() * 1000 + self.number(5000)


class Publisher:
    """Writes to a project with the commands that the ACL of docs/how-to/run-in-production.md allows a publisher."""

    def __init__(self, bench: Bench, choices: Choices) -> None:
        self._bench = bench
        self._client = bench.client
        self._root = bench.root(OTHER)
        self._choices = choices

    def act(self) -> None:
        """Do one write; if Redis refuses it, nothing has happened."""
        acts: Sequence[Callable[[], object]] = (
            *(self._publish, self._frame, self._frame, self._entry, self._hash, self._hash, self._set, self._held),
            *(self._chunk, self._chunk, self._chunk_of_ours, self._other_type, self._count, self._held, self._shared),
        )
        try:
            self._choices.of(acts)()
        except redis.ResponseError:
            return
        finally:
            self._client.zadd(keys.projects(PREFIX), {OTHER: 0})

    def _publish(self) -> None:
        try:
            self._bench.publish(OTHER, 1 + self._choices.number(3))
        except PrelabelError:
            return  # the inbox is full, or has another number of lanes

    def _frame(self) -> None:
        """Write a frame with a changed header or body, and the fields around it as publish.lua writes them."""
        choices = self._choices
        lane, rows = choices.number(_LANES), [car(OTHER, f"k{at}").raw for at in range(1 + choices.number(3))]
        frame = encode_frame(rows, lane=lane, lanes=_LANES, slow=0, form="k")
        header = list(HEADER.unpack_from(frame))
        body = frame[HEADER.size :]
        claimed = len(rows)
        for _ in range(choices.number(3)):
            match choices.number(6):
                case 0:
                    body = choices.of((b"", b"\n", body[:-1], body + b"\n", b"{" * 50, b"[" * 3000, choices.raw(40)))
                case 1:
                    header[1] = PLAIN if choices.number(2) else choices.number(256)
                case 2:
                    header[5] = claimed = choices.of((0, 1, 2, 10_000, 10_001, 2**31, 2**32 - 1))
                case 3:
                    header[6] = choices.of((0, 1, 2**24, 2**24 + 1, 2**32 - 1))
                case 4:
                    header[choices.of((0, 3, 4))] = choices.number(256)
                case _:
                    claimed = choices.of((0, 1, 2, 4, 10_001, 10**9, 10**15))
        frame_id = header[2].hex() if choices.number(4) else choices.of(("x", "0", "ff" * 16))
        changed = HEADER.pack(*header) + body
        entry = b"f %s 1 %d %d 0 1 1" % (frame_id.encode(), claimed, len(body))
        self._client.hset(f"{self._root}:frames", frame_id, changed[: -choices.number(60) or None])
        self._client.hset(f"{self._root}:left", frame_id, claimed)
        self._put(lane, entry, claimed)

    def _shared(self) -> None:
        """Write a frame of several lanes with changed bytes, and entries of it, each perhaps of other rows than its."""
        choices = self._choices
        lanes = range(1 + choices.number(_LANES))
        parts = [(lane, [car(OTHER, f"k{lane}-{at}").raw for at in range(1 + choices.number(3))], 0) for lane in lanes]
        frame = bytearray(encode_shared_frame(parts, lanes=_LANES, form="k"))
        frame_id, first = bytes(frame[2:18]).hex(), 0
        for _ in range(choices.number(3)):
            at = choices.number(HEADER.size + 12 * len(parts) + 4)
            frame[min(at, len(frame) - 1)] = choices.number(256)
        self._client.hset(f"{self._root}:frames", frame_id, bytes(frame))
        self._client.hset(f"{self._root}:left", frame_id, sum(len(rows) for _, rows, _ in parts))
        for lane, rows, _ in parts:
            low = first if choices.number(4) else choices.of((0, 1, 5, 9_999, 10_000, 10**9))
            self._put(lane, b"f %s 3 %d 100 0 %d 1 %d" % (frame_id.encode(), len(rows), 1 + first, low), len(rows))
            first += len(rows)

    def _put(self, lane: int, entry: bytes, rows: int) -> None:
        """Append an entry to a lane and count its rows."""
        self._client.hset(f"{self._root}:meta", mapping={"lanes": _LANES})
        self._client.rpush(f"{self._root}:lane:{lane}", entry)
        self._client.hincrby(f"{self._root}:inbox", f"{lane}:rows", rows)
        self._client.hincrby(f"{self._root}:inbox", "rows", rows)
        self._client.hincrby(f"{self._root}:counts", "published", rows)
        self._client.zadd(f"{self._root}:timers", {"group": 0})

    def _entry(self) -> None:
        choices = self._choices
        entries = (b"f 00 1 1 1 0 1 1", b"h 1 1 1 1 0 1 1", b"h f1 1 2 1 0 1 1", b"f 00 3 1 1 0 3 1 2")
        fields = choices.of(entries).split(b" ")
        for _ in range(1 + choices.number(2)):
            fields[choices.number(len(fields))] = choices.value()
        self._put(choices.number(_LANES), b" ".join(fields), choices.of((1, 2, 0, -1)))

    def _hash(self) -> None:
        choices = self._choices
        key = choices.of(list(HASHES))
        names = HASHES[key] or [name.decode() for name in self._client.hkeys(f"{self._root}:{key}")] or ["00"]
        self._client.hset(f"{self._root}:{key}", choices.of(names), choices.value())

    def _set(self) -> None:
        choices = self._choices
        self._client.zadd(f"{self._root}:{choices.of(SETS)}", {choices.of(MEMBERS): choices.score()})

    def _held(self) -> None:
        """Write a held row that is retrying or a dead letter, with some of its fields changed."""
        choices = self._choices
        held_id = choices.of(("1", "2", "f1"))
        state = dict(HELD)
        for _ in range(choices.number(3)):
            name = choices.of((*HELD, "superseded", "queued", "again", "row", "message"))
            state[name] = choices.of(HELD_ODD)
        body = b'{"path":""}\n' + choices.of((car(OTHER, "k1").raw, b"{", b"", choices.raw(20)))
        self._client.hset(f"{self._root}:held", held_id, json.dumps(state))
        self._client.hset(f"{self._root}:held:body", held_id, choices.of((body, body, choices.value())))
        self._client.hset(f"{self._root}:meta", mapping={"lanes": _LANES})
        self._client.hincrby(f"{self._root}:counts", "published", 1)
        self._client.zadd(
            f"{self._root}:{choices.of(('retrying', 'retrying', 'dead', 'retrying:queued'))}", {held_id: 1}
        )
        self._client.zadd(f"{self._root}:timers", {choices.of(("retry", "retry", "expire")): 0})

    def _chunk(self) -> None:
        """Write a chunk in one of the states, with some of its fields changed."""
        choices = self._choices
        chunk = choices.of(("1", "2"))
        fields: dict[str, Any] = CHUNK | {"state": choices.of(STATES)}
        frames = self._client.hkeys(f"{self._root}:frames")
        if frames and choices.number(2):
            rows = 1 + choices.number(3)
            fields |= {"items": b"f %s 0 %d 1" % (choices.of(frames), rows), "rows": rows}
        if fields["state"] == "running" and choices.number(2):
            fields["verdict"] = choices.of(("FINISHED", "FAILED", "lost", "overdue"))
        for _ in range(choices.number(3)):
            fields[choices.of(CHUNK_FIELDS)] = choices.value()
        self._client.hset(f"{self._root}:chunk:{chunk}", mapping=fields)
        self._client.zadd(f"{self._root}:chunks", {chunk: 1})
        self._client.zadd(f"{self._root}:timers", {f"chunk:{chunk}": choices.of((0, 0, 0, choices.score()))})

    def _chunk_of_ours(self) -> None:
        """Change a field of a chunk that workers have cut: a publisher may find its id by reading Redis."""
        choices = self._choices
        names = [name.decode() for name in self._client.zrange(f"{self._root}:chunks", 0, -1)] or ["1"]
        chunk = choices.of(names)
        self._client.hset(f"{self._root}:chunk:{chunk}", choices.of(CHUNK_FIELDS), choices.value())
        self._client.zadd(f"{self._root}:timers", {f"chunk:{chunk}": 0})

    def _other_type(self) -> None:
        choices = self._choices
        key = f"{self._root}:{choices.of((*OTHER_KEYS, *HASHES, *SETS))}"
        match choices.number(3):
            case 0:
                self._client.hset(key, choices.of(MEMBERS), choices.value())
            case 1:
                self._client.rpush(key, choices.value())
            case _:
                self._client.zadd(key, {choices.of(MEMBERS): choices.score()})

    def _count(self) -> None:
        choices = self._choices
        key = choices.of(("meta", "counts", "inbox", "left"))
        name = choices.of(HASHES[key] or ("00",))
        self._client.hincrby(f"{self._root}:{key}", name, choices.of((1, -1, 10**9, 2**63 - 1, -(2**63))))


def _too_large(question: Question) -> Reply | None:
    """Refuse every file of the attacked project, so that its chunks are cut in two."""
    return Reply(b"", 413) if question.kind == "create" and OTHER in question.projects else None


def redis_input(bench: Bench, data: bytes) -> None:
    """Let a publisher write as the input says, between rounds of the stages. Raises Find."""
    choices = Choices(data)
    publisher = Publisher(bench, choices)
    bench.reset()
    if choices.number(2):
        bench.labelbox.fault = _too_large
    bench.publish(HONEST, 3)
    for _ in range(3):
        for _ in range(1 + choices.number(4)):
            publisher.act()
        bench.work()
        if not choices.left():
            break
    bench.publish(HONEST, 2)
    bench.minute()
    bench.check_honest()


class Mangler:
    """Changes Labelbox's answers about one project as the input says."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    def __call__(self, question: Question) -> Reply | None:
        """Return a changed answer, or None for the right one."""
        choices = self._choices
        if OTHER not in question.projects or not choices.left():
            return None
        change = choices.number(8)
        if change < 2:
            return None
        shared = HONEST in question.projects
        right = question.right
        if change < 6 or shared:
            content = self._file(right) if isinstance(right, bytes) else self._data(question)
        else:
            content = choices.of((b"", b"{", b"[]", b"null", b"\xff", b"[" * 3000, choices.raw(30), b'{"data":{}}'))
        # A status concerns all projects of a request: if the honest one is among them, it must be a transient one.
        status = choices.of((200, 500, 503, 429)) if change == 4 else 200
        if change == 5 and not shared:
            status = choices.of((204, 301, 400, 401, 403, 404, 413, 422, 426, 429, 500, 504))
            content = choices.of((content, self._error(), self._error()))
        return self._reply(content, status)

    def _reply(self, content: bytes, status: int) -> Reply:
        choices, headers, sent = self._choices, {}, 1.0
        match choices.number(8):
            case 0:
                headers["Retry-After"] = choices.of(
                    ("0", "-1", "nan", "inf", "1e9", "5", "x", "Wed, 21 Oct 2015 07:28:00 GMT")
                )
            case 1:
                headers["Content-Encoding"] = choices.of(("gzip", "br", "identity", "gzip, gzip", "x", "deflate"))
            case 2:
                headers["Content-Encoding"] = "gzip"
                content = gzip.compress(content)[: -choices.number(12) or None]
            case 3:
                sent = choices.of((0.0, 0.5, 0.99))
            case 4:
                headers["Location"] = choices.of(("/", "https://127.0.0.1:1/", "x"))
        return Reply(content, status, headers, sent)

    def _error(self) -> bytes:
        choices = self._choices
        codes = (
            *("AUTHENTICATION_ERROR", "AUTHORIZATION_ERROR", "RESOURCE_NOT_FOUND", "RESOURCE_CONFLICT", "X", 5),
            *("MALFORMED_REQUEST", "OPERATION_NOT_ALLOWED", "GRAPHQL_VALIDATION_FAILED", "INTERNAL_SERVER_ERROR"),
        )
        extensions = {"code": choices.of(codes), "exception": {"status": choices.of((400, 422, 426, 429, "5", None))}}
        problem: Any = {"message": choices.of(("You have exceeded", "m", 5)), "extensions": extensions}
        problem = choices.of((problem, problem, problem, 5, None, []))
        return json.dumps({"errors": choices.of(([problem], [problem, problem], {"a": 1}, 5))}).encode()

    def _data(self, question: Question) -> bytes:
        right = json.loads(json.dumps(question.right))
        changeable = [name for name in right if question.project_of.get(name, OTHER) == OTHER]
        for _ in range(1 + self._choices.number(2)):
            self._change(right, self._choices.of(changeable))
        return json.dumps({"data": right}).encode()

    def _change(self, holder: Any, key: Any) -> None:
        """Put an odd value at one place inside `holder[key]`."""
        choices = self._choices
        while isinstance(holder[key], dict | list) and holder[key] and choices.number(4):
            holder = holder[key]
            key = choices.of(list(holder) if isinstance(holder, dict) else range(len(holder)))
        odd: Any = choices.of(JSON_ODD)
        for _ in range(choices.of((0, 0, 0, 300))):
            odd = [odd]
        holder[key] = choices.of((odd, odd, choices.raw(6).decode("latin-1")))

    def _file(self, right: bytes) -> bytes:
        choices = self._choices
        lines: list[Any] = [json.loads(line) for line in right.splitlines()]
        for _ in range(1 + choices.number(2)):
            if not lines:
                break
            at = choices.number(len(lines))
            match choices.number(5):
                case 0:
                    del lines[at]
                case 1:
                    names = ("DataRowNotFound", "X", "", 5, None)
                    lines[at] |= {"status": "FAILURE", "errors": [{"name": choices.of(names), "message": "m"}]}
                case 2:
                    lines.append(lines[at])
                case _:
                    self._change(lines, at)
            lines = [line for line in lines if isinstance(line, dict)]
        whole = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        return choices.of((whole, whole, whole[: len(whole) // 2], whole + choices.raw(20)))


def answers_input(bench: Bench, data: bytes) -> None:
    """Let Labelbox answer as the input says about one of two projects, and then rightly again. Raises Find."""
    choices = Choices(data)
    bench.reset()
    bench.publish(HONEST, 2)
    bench.labelbox.fault = Mangler(choices)
    bench.publish(OTHER, 1 + choices.number(4))
    bench.work()
    bench.publish(HONEST, 1)
    bench.minute()
    bench.fix()
    bench.check_honest()
    bench.finish(OTHER)
    bench.check_balance(OTHER)


TARGETS: dict[str, Callable[[Bench, bytes], None]] = {"redis": redis_input, "answers": answers_input}
