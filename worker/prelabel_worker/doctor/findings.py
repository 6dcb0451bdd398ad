"""Every check with its remedy, and what a check finds.

The table in docs/reference/commands.md#doctor is made from this one.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Self

from prelabel.json_record import JsonRecord


class Level(StrEnum):
    """How much a finding matters: `bad` needs a person, `note` is worth knowing."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


class Check(Enum):
    """A check: its name, which stays and is its value; what is right; and what to do when it is not."""

    REDIS_VERSION = (
        "redis-version",
        "the server is supported and new enough: Redis 6.2, Valkey 7.2; noted: one that the tests do not run on",
        "use Redis 6.2 or Valkey 7.2 or newer; docs/reference/redis-servers.md lists what else works and what it needs",
    )
    REDIS_SCRIPTS = (
        "redis-scripts",
        "a script may touch keys whose names it builds from its root key; nothing is written to find out",
        "Dragonfly: start it with --default_lua_flags=allow-undeclared-keys; a user of an ACL needs +evalsha and "
        "+script|load; docs/reference/redis-servers.md lists servers that allow no such keys",
    )
    REDIS_MODE = (
        "redis-mode",
        "a primary server, neither a sentinel nor a replica; noted: a node of a cluster whose URL does not say so",
        "set PRELABEL_REDIS_URL to a primary: a sentinel keeps no rows, a replica takes none; "
        "of a cluster all are asked with redis+cluster://",
    )
    TLS = (
        "redis-tls",
        "the server of a URL that asks for TLS, Redis's or the broker's, has to prove that it is the one",
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
        "an answer of Redis is durable: `appendonly yes` and what PRELABEL_DURABILITY relies on",
        "set appendonly yes and appendfsync always, or PRELABEL_DURABILITY=waitaof (Redis or Valkey 7.2) or replica "
        "(with one connected): a crash of Redis loses rows that were answered otherwise, with everysec about a "
        "second of them",
    )
    DISK = (
        "redis-disk",
        "the last writes of Redis to its disk went well",
        "look at Redis's log and at the disk's room and rights: what is not on disk is lost in a crash",
    )
    MEMORY = (
        "redis-memory",
        "memory in use is below the 85 % of `maxmemory` at which publishing stops; noted: there is no limit",
        "raise maxmemory, start workers, retry or discard dead letters; without a limit set one below the machine's "
        "memory, so that publishers wait before Redis is killed",
    )
    CLOCK = ("clock", "this machine and Redis agree on the time", "synchronise the clocks: ages are shown wrong")
    BROKER = ("broker", "Celery's broker answers", "start it, or set PRELABEL_BROKER_URL")
    BROKER_VERSION = (
        "broker-version",
        "a broker that is another Redis is supported and new enough too",
        "use Redis 6.2, Valkey 7.2 or newer, or RabbitMQ; docs/reference/redis-servers.md lists what else works",
    )
    BROKER_EVICTION = (
        "broker-eviction",
        "a broker that is another Redis has `maxmemory-policy` `noeviction` too",
        "set maxmemory-policy noeviction on the broker: Celery's queues and bindings are evicted otherwise",
    )
    WORKERS = ("workers", "at least one worker was seen within a minute", "start one: prelabel worker")
    WORKER_VERSIONS = (
        "worker-versions",
        "all workers are of one version, and not older than this command",
        "finish the upgrade: restart the workers that are older",
    )
    ROLES = (
        "worker-roles",
        "every role has a worker",
        "start a worker of the role that is missing, or one of all: prelabel worker --role all",
    )
    ACCOUNT_PAUSE = (
        "account-pause",
        "requests of the account are not paused",
        "fix what the reason names, then prelabel account resume; one that Labelbox caused ends by itself",
    )
    ENDPOINT = (
        "endpoint",
        "the key travels under TLS, or not beyond this machine",
        "set PRELABEL_LABELBOX_ENDPOINT to an https address: the key travels in clear otherwise; nothing was asked",
    )
    KEY = (
        "key",
        "Labelbox accepts the key; one without rights is noted",
        "set PRELABEL_LABELBOX_API_KEY, or the account in PRELABEL_ACCOUNT_KEYS, to a key that is valid and has rights",
    )
    LABELBOX = ("labelbox", "Labelbox answers", "check PRELABEL_LABELBOX_ENDPOINT and the network")
    RATE = (
        "rate",
        "Labelbox does not say to slow down",
        "wait; when it lasts, lower PRELABEL_REQUESTS_PER_MINUTE: something else uses the account's requests too",
    )
    NAMES = (
        "project-names",
        "every name in the set of projects can be a project's: letters, digits, _ and -, at most 64",
        "prelabel project forget --malformed removes them; find out who may publish and writes such names",
    )
    KEYS = (
        "project-keys",
        "every key of the project is of its type, and can be read",
        "prelabel project forget PROJECT removes keys that are of another type, which hold no rows; then it is looked "
        "at again. Find out who may publish and writes such keys",
    )
    PAUSE = (
        "project-pause",
        "uploads of the project are not paused",
        "fix what the reason names, then prelabel project resume; a pause with a time ends by itself",
    )
    WAITING = (
        "project-waiting",
        "while rows are pending, a worker is alive",
        "start a worker with the same PRELABEL_REDIS_URL and PRELABEL_KEY_PREFIX",
    )
    STUCK = (
        "project-stuck",
        "no chunk is stopped by a defect: an answer of an unexpected shape, or an error of ours",
        "report what is shown with the log's `stage.broken`; after an upgrade, or when Labelbox answers otherwise, "
        "prelabel import retry tries the chunks again at once; they are tried every ten minutes anyway",
    )
    NEWER = (
        "project-newer",
        "no row waits for a worker of a newer release than this command",
        "finish the upgrade: workers of this release leave alone what a newer one wrote",
    )
    TIMERS = (
        "project-timers",
        "nothing due waits for longer than a lease; without pending rows it is noted only",
        "start workers, or more of them: nobody works on what is due",
    )
    ONTOLOGY = (
        "project-ontology",
        "Labelbox knows the project, the key may see it, and its ontology has features that can be pre-labelled",
        "check the project's id, the key's rights, and the ontology that is connected to the project",
    )
    MEDIA = (
        "project-media",
        "the project's media type is known and takes annotations of this release",
        "pre-labels of this media type may be refused: see the media types in docs/reference/reasons.md",
    )
    SHOWN = (
        "project-shown",
        "labelers will see the pre-labels",
        "switch model-assisted labeling on for the project: its pre-labels are imported and nobody sees them",
    )
    LOOKED_AT = (
        "looked-at",
        "every project was asked for at Labelbox: at most 50 in one run, within the account's budget",
        "name the project: prelabel doctor --project P",
    )

    label: str
    right: str
    remedy: str

    def __new__(cls, label: str, right: str, remedy: str) -> Self:
        """Make a check; its value is its name alone."""
        check = object.__new__(cls)
        check._value_ = check.label = label
        check.right = right
        check.remedy = remedy
        return check


@dataclass(frozen=True, slots=True)
class Finding(JsonRecord):
    """What a check has found, of one project or of the installation."""

    json_fields = ("check", "level", "good", "found", "remedy", "project")

    check: Check
    level: Level
    found: str
    project: str | None = None

    @property
    def good(self) -> bool:
        """Whether nobody has to do anything."""
        return self.level is not Level.BAD

    @property
    def remedy(self) -> str:
        """What to do; empty when all is well."""
        return "" if self.level is Level.OK else self.check.remedy


def judged(check: Check, good: bool, found: str, project: str | None = None) -> Finding:
    """Return a finding that is ok or bad."""
    return Finding(check, Level.OK if good else Level.BAD, found, project)


def noted(check: Check, good: bool, found: str, project: str | None = None) -> Finding:
    """Return a finding that is ok or worth a note."""
    return Finding(check, Level.OK if good else Level.NOTE, found, project)
