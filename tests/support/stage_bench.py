"""The stages of a worker in this process, with a Redis and a Labelbox that may be hostile, and time that leaps.

`Bench` runs what is due as a tick and its tasks would, and raises `Find` for whatever no input may cause.
"""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import orjson
import redis
from structlog.testing import capture_logs
from structlog.typing import EventDict

from prelabel.publishing.buffer import Limits, ProjectBuffer, Row
from prelabel.publishing.inbox import Inbox
from prelabel.wire import keys
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector, ProjectStatus
from prelabel_worker.runtime.clients import Runtime
from prelabel_worker.runtime.timers import Due, Timers
from prelabel_worker.settings import load_settings
from prelabel_worker.stages.expire import expire
from prelabel_worker.stages.group import group, retry_due
from prelabel_worker.stages.poll import poll
from prelabel_worker.stages.settle import settle
from prelabel_worker.stages.submit import submit
from tests.support.small_labelbox import SmallLabelbox

PREFIX = "fuzz"
HONEST, OTHER = "honest", "other"
MOST_SECONDS = 5.0
"""Longest that one stage, or one look of the tick, may take."""
MOST_AT_ONCE = 300
"""Most tasks of a project until nothing of it is due, without time passing."""
MOST_A_MINUTE = 600
"""Most tasks of a project in a minute."""
LEAP_SECONDS = 5
MINUTE = 60 // LEAP_SECONDS
_HINTS = 50  # of one look
_LONGEST_WAIT_LEAPS = 400

# Everything that waits is due so many ms earlier; whatever the keys hold, nothing fails.
_LEAP = """
local root, ms = KEYS[1], tonumber(ARGV[1])
local function type_of(key) return redis.call('TYPE', key).ok end
local function scores(key)
  if type_of(key) ~= 'zset' then return end
  for _, name in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.pcall('ZINCRBY', key, -ms, name) end
end
local function fields(key, names)
  if type_of(key) ~= 'hash' then return end
  for _, name in ipairs(names) do
    local value = redis.call('HGET', key, name)
    if value and string.match(value, '^%d+%.?%d*$') and #value < 16 and tonumber(value) > 0 then
      redis.call('HSET', key, name, string.format('%.0f', math.max(1, tonumber(value) - ms)))
    end
  end
end
if ARGV[2] == 'account' then
  return fields(root, {'nextMs', 'lineMs', 'pollMs', 'loweredMs', 'throttledUntil', 'pausedUntil', 'refusedUntil',
    'openUntil', 'probeUntil'})
elseif ARGV[2] == 'projects' then
  return scores(root)
end
scores(root .. ':timers')
scores(root .. ':retrying')
fields(root .. ':meta', {'pausedUntil', 'openFewerMs', 'openMoreMs'})
if type_of(root .. ':timers') ~= 'zset' then return end
for _, name in ipairs(redis.call('ZRANGE', root .. ':timers', 0, -1)) do
  local id = string.match(name, '^chunk:(.+)$')
  if id then
    fields(root .. ':chunk:' .. id, {'due', 'lease', 'maybeUntil', 'runningMs', 'permitMs', 'cutMs'})
  end
end
"""


_Answer = TypeVar("_Answer")


class Find(AssertionError):
    """What no input may cause."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A defect that a stage met with a chunk."""

    project_id: str
    chunk_id: str


def car(project: str, key: str) -> Row:
    """A message with one box."""
    annotation = {"name": "car", "bbox": {"top": 1, "left": 1, "height": 3, "width": 4}}
    body = {"projectId": project, "dataRow": {"globalKey": key}, "annotations": [annotation]}
    return Row(f"k:{key}", orjson.dumps(body), 0)


def frames_of(*rows: Row, lanes: int = 4) -> list[bytes]:
    """The frames that a publisher makes of these rows."""
    buffer = ProjectBuffer(Limits(10_000, 10**8, 256, 10**7, 100, 0.0), lanes)
    for row in rows:
        buffer.add(row, 0.0)
    return buffer.cut(0.0)


class Bench:
    """A worker's stages over one database of Redis, which is emptied for each input."""

    def __init__(self, redis_url: str) -> None:
        self.labelbox = SmallLabelbox()
        self.settings = load_settings(
            redis_url=redis_url,
            key_prefix=PREFIX,
            linger_seconds=0,
            server_limit_seconds=2,
            request_timeout_seconds=2,
            requests_per_minute=100_000,
            request_burst=50_000,
            backoff_max_seconds=10,
            poll_max_seconds=5,
            labelbox_api_key="a-key",
            labelbox_endpoint=f"{self.labelbox.url}/graphql",
        )
        self._hints: deque[Due] = deque()
        self.client = redis.Redis.from_url(redis_url, socket_timeout=3 * MOST_SECONDS)
        self._leap = self.client.register_script(_LEAP)
        self.context = Runtime(self.settings, lambda *hint: self._hints.append(Due(*hint))).context()
        self.inbox = Inbox(self.client, PREFIX)
        self._inspector = Inspector(self.client, PREFIX)
        self.reset()

    def close(self) -> None:
        """Close every connection."""
        self.context.account("").labelbox.close()
        self.labelbox.close()
        self.client.close()

    def reset(self) -> None:
        """Begin anew, with nothing in Redis and nothing in Labelbox."""
        self.client.flushdb()
        self.labelbox.forget()
        self._hints.clear()
        self._timers = Timers(self.client, PREFIX, self.settings.lease_seconds)
        self._published: Counter[str] = Counter()
        self.tasks: Counter[str] = Counter()
        self.broken: Counter[Broken] = Counter()

    @staticmethod
    def root(project: str) -> str:
        """The beginning of a project's keys."""
        return keys.project_root(PREFIX, project)

    def publish(self, project: str, rows: int) -> None:
        """Publish rows of new data rows."""
        first = self._published[project]
        self._published[project] += rows
        self.inbox.put(project, frames_of(*(car(project, f"{project}-{first + at}") for at in range(rows))))

    def status(self, project: str) -> ProjectStatus:
        """Return the counts of a project."""
        return self._inspector.status(project)

    def leap(self, seconds: float = LEAP_SECONDS) -> None:
        """Let so much time pass for whatever waits."""
        ms = int(seconds * 1000)
        for project in (HONEST, OTHER):
            self._leap(keys=[self.root(project)], args=[ms, "project"])
        self._leap(keys=[keys.account(PREFIX, self.settings.account)], args=[ms, "account"])
        self._leap(keys=[keys.projects(PREFIX)], args=[ms, "projects"])

    def work(self) -> None:
        """Do all that is due, until nothing is. Raises Find where that has no end."""
        begun = Counter(self.tasks)
        while True:
            if not self._hints:
                due, _ = self._timed("tick", lambda: self._timers.due(_HINTS))
                self._hints += due
            if not self._hints:
                return
            self._do(self._hints.popleft())
            for project, tasks in self.tasks.items():
                if tasks - begun[project] > MOST_AT_ONCE:
                    raise Find(f"hot: {project} has more than {MOST_AT_ONCE} tasks at once, the last {self._last}")

    def minute(self) -> None:
        """Let a minute pass in leaps. Raises Find where a project has work without a pause."""
        begun = Counter(self.tasks)
        for _ in range(MINUTE):
            self.leap()
            self.work()
        for project, tasks in self.tasks.items():
            if tasks - begun[project] > MOST_A_MINUTE:
                raise Find(f"hot: {project} has {tasks - begun[project]} tasks in a minute, the last {self._last}")

    def fix(self) -> None:
        """End what stops the account and the projects, as an operator would who has fixed the cause."""
        self.labelbox.fault = lambda question: None
        Accounts(self.client, self.settings).resume(self.settings.account)

    def finish(self, project: str) -> None:
        """Work until every row of a project has its outcome; each imported row is imported once."""
        changes = Projects(self.client, PREFIX)
        for _ in range(_LONGEST_WAIT_LEAPS):
            changes.resume(project)
            changes.retry_stuck(project)
            self.work()
            if self.status(project).pending == 0:
                return
            self.leap(60)
        raise Find(f"lost: {project} does not end: {self.status(project)}")

    def check_honest(self) -> None:
        """Raise Find unless all rows of the honest project are imported, each in one import."""
        self.finish(HONEST)
        status, rows = self.status(HONEST), self._published[HONEST]
        if (status.published, status.imported) != (rows, rows):
            raise Find(f"lost: of {rows} honest rows {status}")
        imported = {name: times for (project, name), times in self.labelbox.imported.items() if project == HONEST}
        if imported != {f"{HONEST}-{at}": 1 for at in range(rows)}:
            raise Find(f"lost: honest rows are imported otherwise: {imported}")
        self.check_balance(HONEST)

    def check_balance(self, project: str) -> None:
        """Raise Find unless what the counters say is what the keys hold."""
        found = next(each for each in audit(self.client, PREFIX) if each.project_id == project)
        if not found.balances:
            raise Find(f"lost: {project} does not balance: {found.differences}")

    def _do(self, due: Due) -> None:
        self._last = due.stage
        self.tasks[due.project_id] += 1
        act = {
            "group": lambda: group(self.context, due.project_id),
            "retry": lambda: retry_due(self.context, due.project_id),
            "expire": lambda: expire(self.context, due.project_id),
            "submit": lambda: submit(self.context, due.project_id, due.chunk_id),
            "settle": lambda: settle(self.context, due.project_id, due.chunk_id),
            "poll": lambda: poll(self.context, self._polled(due)),
        }[due.stage]
        self._timed(due.stage, act)

    def _polled(self, due: Due) -> list[tuple[str, str]]:
        """This import and the others that are due: they are asked for in one request."""
        others = [hint for hint in self._hints if hint.stage == "poll"]
        for hint in others:
            self._hints.remove(hint)
            self.tasks[hint.project_id] += 1
        return [(hint.project_id, hint.chunk_id) for hint in (due, *others)]

    def _timed(self, what: str, act: Callable[[], _Answer]) -> _Answer:
        begun = time.monotonic()
        try:
            with capture_logs() as logs:
                return act()
        except Exception as error:
            raise Find(f"raised: {what}: {type(error).__name__}: {error}") from error
        finally:
            if time.monotonic() - begun > MOST_SECONDS:
                raise Find(f"slow: {what} took {time.monotonic() - begun:.1f} s")
            self._look_at(logs)

    def _look_at(self, logs: list[EventDict]) -> None:
        for line in logs:
            if line["event"] != "stage.broken":
                continue
            if line["project"] == HONEST:
                raise Find(f"broken: {line['stage']} of the honest project: {line}")
            self.broken[Broken(line["project"], line["chunk"])] += 1
