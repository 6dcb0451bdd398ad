"""Compares what came to the doors with what became of it: published, imported, refused, set aside."""

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from prelabel_worker.queries.audit import audit
from prelabel_worker.queries.status import Inspector
from tests.chaos.compare import Expected, Verdict, compare_dead, compare_pre_labels
from tests.chaos.doors.plan import GATEWAYS
from tests.chaos.doors.records import AT_BRIDGES, Flaw, Record, Records, bridged
from tests.chaos.doors.site import Doors
from tests.chaos.readback import held_messages, pre_labels
from tests.chaos.workload import Kind

_SHOWN = 5
_RECORD_BYTES = 65_536
"""What the file of bad records keeps of one."""
_LOUD = (
    b'"bridge.defect"',
    b'"bridge.bad_records_full"',
    b'"bridge.file_skipped"',
    b'"gateway.rows_lost"',
    b"Traceback",
)
"""What no door may log."""


@dataclass
class Door:
    """The counts of one project. Records in = messages + bad; published = messages + repeats."""

    #: Records that came in.
    records: int = 0
    #: Those that became a message.
    messages: int = 0
    #: Of the messages, those that became dead letters.
    dead: int = 0
    #: Records that were refused or set aside, by what was wrong.
    bad: Counter[str] = field(default_factory=Counter)
    #: Rows that Redis counted.
    published: int = 0
    #: Bad records and dead letters that are there more than once, each time that they came again: a repeat of a row
    #: that cannot be imported is a dead letter of its own.
    kept_again: int = 0

    @property
    def repeats(self) -> int:
        """Return the rows that were published again."""
        return self.published - self.messages


@dataclass
class Judgement:
    """Whether nothing is lost, doubled or foreign, and what else is wrong."""

    doors: dict[str, Door] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=Verdict)
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Return whether counts in are counts out."""
        return self.verdict.right and not self.problems


def judge(site: Doors) -> Judgement:
    """Compare everything, after the fleets have ended."""
    found, wanted = Judgement(), Expected()
    client = site.stack.client()
    for project in site.projects:
        door = found.doors[project] = Door()
        bad: dict[bytes, Flaw] = {}
        for record in _records(site, project):
            door.records += 1
            if _is_refused(project, record):
                assert record.flaw is not None
                door.bad[record.flaw] += 1
                bad[bridged(record)[:_RECORD_BYTES]] = record.flaw
                continue
            door.messages += 1
            message = record.message
            if record.flaw is not None:
                door.dead += 1
                message = message._replace(kind=Kind.UNKNOWN_FEATURE)
            wanted.add([message], confirmed=True)
        status = Inspector(client).status(project)
        door.published = status.published
        if door.repeats < 0:
            found.problems.append(f"{project}: {door.messages} messages came in, {door.published} were published")
        if status.waiting or status.chunks:
            found.problems.append(
                f"{project}: {status.waiting} rows wait, {sum(status.chunks.values())} chunks are open"
            )
        if project in site.clients:
            found.problems += _told(site, project, door)
        else:
            found.problems += _set_aside(site, project, door, bad)
    compare_pre_labels(wanted, pre_labels(site.stack, site.projects), found.verdict)
    compare_dead(wanted, _held_once(site, found), found.verdict)
    for audited in audit(client):
        found.problems += [f"audit of {audited.project_id}: {difference}" for difference in audited.differences]
    found.problems += _loud(site)
    client.close()
    return found


def _held_once(site: Doors, found: Judgement) -> Iterator[str]:
    """Return the message ids of dead letters, each once; there may be as many more as a door had repeats."""
    client = site.stack.client()
    for project, door in found.doors.items():
        held = Counter(held_messages(client, [project]))
        again = held.total() - len(held)
        door.kept_again += again
        if again > max(0, door.repeats):
            found.problems.append(f"{project}: {again} dead letters came again, and {door.repeats} rows")
        yield from held
    client.close()


def _records(site: Doors, project: str) -> Iterator[Record]:
    fleets = site.clients.get(project) or [site.writers[project]]
    for fleet in fleets:
        records: Records = fleet.records
        yield from map(records.record, range(fleet.written))


def _is_refused(project: str, record: Record) -> bool:
    """Return whether the door refuses the record; a gateway without a mapping lets unknown classes through."""
    is_gateway = project.removeprefix("doors-") in GATEWAYS
    return record.flaw is not None and not (is_gateway and record.flaw is Flaw.UNKNOWN_CLASS)


def _told(site: Doors, project: str, door: Door) -> Iterator[str]:
    """Return where the answers of a gateway differ from what was sent."""
    told = [client.told for client in site.clients[project]]
    yield from [f"{project}: {what}" for each in told for what in each.wrong][:_SHOWN]
    accepted = sum(each.accepted for each in told)
    refused = sum((each.refused for each in told), Counter[str]())
    if accepted != door.messages or refused != door.bad:
        yield f"{project}: accepted {accepted} of {door.messages}, refused {refused}, not {door.bad}"
    if door.published > (sent := sum(each.sent for each in told)):
        yield f"{project}: {door.published} published, {sent} sent"


def _set_aside(site: Doors, project: str, door: Door, bad: dict[bytes, Flaw]) -> Iterator[str]:
    """Return where the files of bad records differ from the records that are bad."""
    found: Counter[bytes] = Counter()
    wrong = []
    for entry in _entries(site, project):
        raw = entry["record"].encode() if "record" in entry else base64.b64decode(entry["recordBase64"])
        raw = raw.removesuffix(b"\n")
        found[raw] += 1
        if raw not in bad:
            wrong.append(f"{project}: a good record was set aside: {entry['problem']}")
        elif entry["reason"] != AT_BRIDGES[bad[raw]]:
            wrong.append(f"{project}: {bad[raw]} was set aside as {entry['reason']}")
    door.kept_again = found.total() - len(found)
    yield from wrong[:_SHOWN]
    if missing := [raw for raw in bad if raw not in found]:
        yield f"{project}: {len(missing)} bad records are in no file, such as {missing[0][:200]!r}"


def _entries(site: Doors, project: str) -> Iterator[dict[str, str]]:
    for bridge in site.projects[project]:
        path = Path(site.folder, bridge, "bad-records.ndjson")
        if path.exists():
            yield from map(orjson.loads, path.read_bytes().splitlines())


def _loud(site: Doors) -> Iterator[str]:
    for name in site.doors:
        log = site.stack.log(name).read_bytes()
        yield from (f"{name} logged {word.decode()}, see {site.stack.log(name)}" for word in _LOUD if word in log)
