"""Every check with its remedy, and the findings of checks.

The table in docs/reference/commands.md#doctor is made from `Check`.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Self

from prelabel.json_record import JsonRecord
from prelabel.printing import command, quoted_word

_PROJECT, _ACCOUNT = "PROJECT", "ACCOUNT"
"""Stand in a command for a name; that of a finding's project takes the place of `PROJECT`."""


class Level(StrEnum):
    """How much a finding matters: `bad` needs a person, `note` is worth knowing."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


class Check(Enum):
    """A check with its remedy. Its value is its label."""

    REDIS_VERSION = (
        "redis-version",
        "the server is supported and new enough: Redis 6.2, Valkey 7.2; a server that the tests do not run on is noted",
        "use Redis 6.2 or Valkey 7.2 or newer; docs/reference/redis-servers.md lists what else works and what it needs",
    )
    REDIS_SCRIPTS = (
        "redis-scripts",
        "a script may touch keys whose names it builds from its root key; this check writes nothing",
        "Dragonfly: start it with --default_lua_flags=allow-undeclared-keys; a user with an ACL needs +evalsha and "
        "+script|load; docs/reference/redis-servers.md lists servers that allow no such keys",
    )
    REDIS_MODE = (
        "redis-mode",
        "the server is a primary, no sentinel and no replica; a node of a cluster is noted unless the URL says so",
        "set PRELABEL_REDIS_URL to a primary: a sentinel keeps no rows, a replica accepts none; "
        "for a cluster, use redis+cluster://, so that all its primaries are checked",
    )
    TLS = (
        "redis-tls",
        "where the URL of Redis or of the broker asks for TLS, the server must prove its identity",
        "leave out ssl_cert_reqs=none and ssl_check_hostname=false, and name the CA with ssl_ca_certs: whoever answers "
        "at that address gets the password",
    )
    EVICTION = (
        "redis-eviction",
        "`maxmemory-policy` is `noeviction`",
        "set maxmemory-policy noeviction: with any other, Redis deletes rows under memory pressure",
    )
    PERSISTENCE = (
        "redis-persistence",
        "a write is durable when Redis answers: `appendonly yes`, and the setting that PRELABEL_DURABILITY relies on",
        "set appendonly yes and appendfsync always, or PRELABEL_DURABILITY=waitaof (Redis or Valkey 7.2) or replica "
        "(with one connected): otherwise a crash of Redis loses acknowledged rows, with everysec those of about "
        "one second",
    )
    DISK = (
        "redis-disk",
        "the last writes of Redis to its disk succeeded",
        "check Redis's log, the disk's free space and its permissions: a crash loses rows that are not on disk",
    )
    MEMORY = (
        "redis-memory",
        "memory in use is below the 85 % of `maxmemory` at which publishing stops; a server without a limit is noted",
        "raise maxmemory, start workers, retry or discard dead letters; if there is no limit, set one below the "
        "machine's memory, so that publishers wait before Redis is killed",
    )
    CLOCK = (
        "clock",
        "this machine and Redis agree on the time",
        "synchronise the clocks: times in logs and the ages of spooled rows are wrong until then",
    )
    BROKER = ("broker", "Celery's broker answers", "start it, or set PRELABEL_BROKER_URL")
    BROKER_VERSION = (
        "broker-version",
        "a broker that is another Redis is supported and new enough too",
        "use Redis 6.2, Valkey 7.2 or newer, or RabbitMQ; docs/reference/redis-servers.md lists what else works",
    )
    BROKER_EVICTION = (
        "broker-eviction",
        "a broker that is another Redis has `maxmemory-policy` `noeviction` too",
        "set maxmemory-policy noeviction on the broker: otherwise it may evict Celery's queues and bindings",
    )
    WORKERS = ("workers", "at least one worker ticked within the last minute", f"start one: {command('worker')}")
    WORKER_VERSIONS = (
        "worker-versions",
        "all workers are of one version, and not older than this command",
        "finish the upgrade: restart the workers that are older",
    )
    ROLES = (
        "worker-roles",
        "every role has a worker",
        f"start a worker with the missing role, or one with all roles: {command('worker', role='all')}",
    )
    WORKER_LIMITS = (
        "worker-limits",
        "all workers have the same limit of requests: PRELABEL_REQUESTS_PER_MINUTE and PRELABEL_REQUEST_BURST",
        "give the workers of an account the same values and restart them: the account's limit is the one that a worker "
        "used last. Commands use the workers' limit, whatever their own environment says",
    )
    WORKER_SETTINGS = (
        "worker-settings",
        "all workers have alike what decides about rows of all: PRELABEL_DURABILITY, PRELABEL_LABELBOX_ENDPOINT, "
        "PRELABEL_SERVER_LIMIT_SECONDS, PRELABEL_IMPORT_DEADLINE_SECONDS, PRELABEL_FRAME_MEMORY_DAYS, "
        "PRELABEL_HISTORY_DAYS, PRELABEL_HISTORY_MEGABYTES and PRELABEL_DEAD_LETTER_DAYS",
        "give the workers the same values and restart them: whichever worker works on a row uses its own, so the "
        "history, the ids of frames and dead letters are kept for the shortest time that any of them has",
    )
    ACCOUNT_PAUSE = (
        "account-pause",
        "requests of the account are not paused",
        f"fix the problem that the reason names, then run {command('account resume', _ACCOUNT)}; a pause that Labelbox "
        "caused ends by itself",
    )
    ENDPOINT = (
        "endpoint",
        "the key is sent over TLS, or only within this machine",
        "set PRELABEL_LABELBOX_ENDPOINT to an https address: otherwise the key travels unencrypted; nothing was sent",
    )
    KEY = (
        "key",
        "Labelbox accepts the key; a key without rights is noted",
        "set PRELABEL_LABELBOX_API_KEY, or the account in PRELABEL_ACCOUNT_KEYS, to a key that is valid and has rights",
    )
    LABELBOX = ("labelbox", "Labelbox answers", "check PRELABEL_LABELBOX_ENDPOINT and the network")
    RATE = (
        "rate",
        "Labelbox does not ask us to slow down",
        "wait; if it lasts, lower PRELABEL_REQUESTS_PER_MINUTE: something else uses the account's requests too",
    )
    NAMES = (
        "project-names",
        "every name in the set of projects can be a project's: letters, digits, _ and -, at most 64",
        f"{command('project forget', malformed=True)} removes them; find out which publisher writes such names",
    )
    KEYS = (
        "project-keys",
        "every key of the project has the right type and can be read",
        f"{command('project forget', _PROJECT)} removes keys of a wrong type, which hold no rows; then workers look at "
        "the project again. Find out which publisher writes such keys",
    )
    PAUSE = (
        "project-pause",
        "uploads of the project are not paused, and it is not being purged",
        f"fix the problem that the reason names, then run {command('project resume', _PROJECT)}; a timed pause ends by "
        f"itself. {command('project purge', _PROJECT)} discards the rows instead, and "
        "resumes a purge that has not ended",
    )
    WAITING = (
        "project-waiting",
        "while rows are pending, a worker is alive",
        "start a worker with the same PRELABEL_REDIS_URL and PRELABEL_KEY_PREFIX",
    )
    STUCK = (
        "project-stuck",
        "no chunk is stopped by a defect: an answer of an unexpected shape, or a bug in prelabel",
        "report the finding with the log's `stage.broken`; after an upgrade, or when Labelbox's answers have changed, "
        f"{command('import retry', project=_PROJECT)} tries the chunks again at once; workers try "
        "them again after growing waits too",
    )
    NEWER = (
        "project-newer",
        "no row waits for a worker of a newer release than this command",
        "finish the upgrade: workers of this release leave alone the rows of a newer release",
    )
    TIMERS = (
        "project-timers",
        "no timer is overdue for longer than a lease; without pending rows, one that is overdue is only noted",
        "start workers, or more of them: none works on what the timer asks for",
    )
    ONTOLOGY = (
        "project-ontology",
        "Labelbox knows the project, the key may see it, and its ontology has features that can be pre-labelled; a "
        "project that Labelbox does not know is only noted when no row is pending",
        "check the project's id, the key's rights, and the ontology that is connected to the project; if the id is "
        f"wrong, {command('project purge', _PROJECT)} discards the rows that were published to it",
    )
    MEDIA = (
        "project-media",
        "the project's media type is known and accepts annotation kinds of this release",
        "pre-labels of this media type may be refused: see the media types in docs/reference/reasons.md",
    )
    SHOWN = (
        "project-shown",
        "labelers will see the pre-labels",
        "switch model-assisted labeling on for the project: its pre-labels are imported, but nobody sees them",
    )
    LOOKED_AT = (
        "looked-at",
        "Labelbox was asked about every project; one run asks about at most 50, within the account's budget",
        f"name the project: {command('doctor', project=_PROJECT)}",
    )

    #: Its name, which never changes.
    label: str
    #: What it expects.
    right: str
    #: What to do when that is not so.
    remedy: str

    def __new__(cls, label: str, right: str, remedy: str) -> Self:
        """Make a check whose value is its label alone."""
        check = object.__new__(cls)
        check._value_ = check.label = label
        check.right = right
        check.remedy = remedy
        return check


@dataclass(frozen=True, slots=True)
class Finding(JsonRecord):
    """What a check found, about one project or about the installation."""

    json_fields = ("check", "level", "good", "found", "remedy", "project_id")

    check: Check
    level: Level
    found: str
    project_id: str | None = None

    @property
    def good(self) -> bool:
        """Return whether nobody has to act."""
        return self.level is not Level.BAD

    @property
    def remedy(self) -> str:
        """Return what to do; empty when the level is ok."""
        remedy = "" if self.level is Level.OK else self.check.remedy
        return remedy.replace(_PROJECT, quoted_word(self.project_id)) if self.project_id else remedy


def judged(check: Check, good: bool, found: str, project_id: str | None = None) -> Finding:
    """Return a finding that is ok or bad."""
    return Finding(check, Level.OK if good else Level.BAD, found, project_id)


def noted(check: Check, good: bool, found: str, project_id: str | None = None) -> Finding:
    """Return a finding that is ok or worth a note."""
    return Finding(check, Level.OK if good else Level.NOTE, found, project_id)
