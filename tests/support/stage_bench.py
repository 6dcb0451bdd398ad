"""The stages of a worker in this process, with a Redis and a Labelbox that may be hostile, and skipped waiting times.

`Bench` runs all work that is due, as a tick and its tasks would. It raises `Find` if something happens that no input
may cause.
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
MAX_SECONDS = 5.0
"""Maximum duration of one stage, or of one look of the tick at the timers."""
MAX_TASKS_AT_ONCE = 300
"""Maximum number of tasks of a project until none is due, without time passing."""
MAX_TASKS_A_MINUTE = 600
"""Maximum number of tasks of a project in a minute."""
LEAP_SECONDS = 5
MINUTE = 60 // LEAP_SECONDS
_HINTS = 50  # maximum of one look at the timers
_LONGEST_WAIT_LEAPS = 400

# Moves all times back by ARGV[1] ms, so that everything that waits is due earlier. It must not fail, whatever the keys
# hold: other values may be in them, and keys may have other types.
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
    """Something happened that no input may cause; the text says what."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A defect that a stage met with a chunk."""

    project_id: str
    chunk_id: str


def car(project: str, key: str) -> Row:
    """Return a row of a message with one box."""
    annotation = {"name": "car", "bbox": {"top": 1, "left": 1, "height": 3, "width": 4}}
    body = {"projectId": project, "dataRow": {"globalKey": key}, "annotations": [annotation]}
    return Row(f"k:{key}", orjson.dumps(body), 0)


def frames_of(*rows: Row, lanes: int = 4) -> list[bytes]:
    """Return the frames that a publisher makes of these rows."""
    buffer = ProjectBuffer(Limits(10_000, 10**8, 256, 10**7, 100, 0.0), lanes)
    for row in rows:
        buffer.add(row, 0.0)
    return buffer.cut(0.0)


class Bench:
    """A worker's stages, with one database of Redis that is emptied for each input."""

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
        self.client = redis.Redis.from_url(redis_url, socket_timeout=3 * MAX_SECONDS)
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
        """Start again with an empty Redis and an empty Labelbox."""
        self.client.flushdb()
        self.labelbox.forget()
        self._hints.clear()
        self._timers = Timers(self.client, PREFIX, self.settings.lease_seconds)
        self._published: Counter[str] = Counter()
        self.tasks: Counter[str] = Counter()
        self.broken: Counter[Broken] = Counter()

    @staticmethod
    def root(project: str) -> str:
        """Return the beginning of a project's keys."""
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
        """Let `seconds` pass for everything that waits."""
        ms = int(seconds * 1000)
        for project in (HONEST, OTHER):
            self._leap(keys=[self.root(project)], args=[ms, "project"])
        self._leap(keys=[keys.account(PREFIX, self.settings.account)], args=[ms, "account"])
        self._leap(keys=[keys.projects(PREFIX)], args=[ms, "projects"])

    def work(self) -> None:
        """Do all tasks that are due, until none is. Raises Find if that does not end."""
        begun = Counter(self.tasks)
        while True:
            if not self._hints:
                due, _ = self._timed("tick", lambda: self._timers.due(_HINTS))
                self._hints += due
            if not self._hints:
                return
            self._do(self._hints.popleft())
            for project, tasks in self.tasks.items():
                if tasks - begun[project] > MAX_TASKS_AT_ONCE:
                    raise Find(f"hot: {project} has more than {MAX_TASKS_AT_ONCE} tasks at once, the last {self._last}")

    def minute(self) -> None:
        """Let a minute pass in steps. Raises Find if a project has work without a pause."""
        begun = Counter(self.tasks)
        for _ in range(MINUTE):
            self.leap()
            self.work()
        for project, tasks in self.tasks.items():
            if tasks - begun[project] > MAX_TASKS_A_MINUTE:
                raise Find(f"hot: {project} has {tasks - begun[project]} tasks in a minute, the last {self._last}")

    def fix(self) -> None:
        """End the fault, and resume the account, as an operator does after fixing the cause."""
        self.labelbox.fault = lambda question: None
        Accounts(self.client, self.settings).resume(self.settings.account)

    def finish(self, project: str) -> None:
        """Work until every row of a project has its outcome. Raises Find if that does not happen."""
        changes = Projects(self.client, PREFIX)
        for _ in range(_LONGEST_WAIT_LEAPS):
            changes.resume(project)
            changes.retry_stuck(project)
            self.work()
            if self.status(project).pending == 0:
                return
            self.leap(60)
        raise Find(f"lost: rows of {project} stay pending: {self.status(project)}")

    def check_honest(self) -> None:
        """Raise Find unless all rows of the honest project are imported, each in one import."""
        self.finish(HONEST)
        status, rows = self.status(HONEST), self._published[HONEST]
        if (status.published, status.imported) != (rows, rows):
            raise Find(f"lost: of {rows} honest rows {status}")
        imported = {name: times for (project, name), times in self.labelbox.imported.items() if project == HONEST}
        if imported != {f"{HONEST}-{at}": 1 for at in range(rows)}:
            raise Find(f"lost: honest rows are not imported exactly once: {imported}")
        self.check_balance(HONEST)

    def check_balance(self, project: str) -> None:
        """Raise Find unless the counters of a project agree with its keys."""
        project_audit = next(entry for entry in audit(self.client, PREFIX) if entry.project_id == project)
        if not project_audit.balances:
            raise Find(f"lost: {project} does not balance: {project_audit.differences}")

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
        """Take the other polls that are hinted, and return all imports for one request."""
        others = [hint for hint in self._hints if hint.stage == "poll"]
        for hint in others:
            self._hints.remove(hint)
            self.tasks[hint.project_id] += 1
        return [(hint.project_id, hint.chunk_id) for hint in (due, *others)]

    def _timed(self, stage: str, act: Callable[[], _Answer]) -> _Answer:
        begun = time.monotonic()
        try:
            with capture_logs() as logs:
                return act()
        except Exception as error:
            raise Find(f"raised: {stage}: {type(error).__name__}: {error}") from error
        finally:
            if time.monotonic() - begun > MAX_SECONDS:
                raise Find(f"slow: {stage} took {time.monotonic() - begun:.1f} s")
            self._look_at(logs)

    def _look_at(self, logs: list[EventDict]) -> None:
        for line in logs:
            if line["event"] != "stage.broken":
                continue
            if line["project"] == HONEST:
                raise Find(f"broken: {line['stage']} of the honest project: {line}")
            self.broken[Broken(line["project"], line["chunk"])] += 1
