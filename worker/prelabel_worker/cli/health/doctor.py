"""`prelabel doctor`: check everything that rows need to arrive, and print a remedy for each problem."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Annotated

import typer

from prelabel.printing import counted
from prelabel.wire import keys
from prelabel.wire.client import Client, has_slots, node_of, servers_of
from prelabel_worker.accounts.connection import open_labelbox
from prelabel_worker.cli.health.live import LiveOptions, live
from prelabel_worker.cli.shared.configuration import settings_for
from prelabel_worker.cli.shared.connection import connect
from prelabel_worker.cli.shared.each_project import reading
from prelabel_worker.cli.shared.known import note_unknown_project
from prelabel_worker.cli.shared.labelbox_access import pacer_of
from prelabel_worker.cli.shared.terminal import DONE_WITH_DEAD, AsJson, Project, RedisUrl, out, print_line
from prelabel_worker.doctor import broker, projects, redis_server, workers
from prelabel_worker.doctor import labelbox as service
from prelabel_worker.doctor.findings import Check, Finding, Level
from prelabel_worker.doctor.projects import ProjectState
from prelabel_worker.labelbox.errors import KeyMissing
from prelabel_worker.queries.status import Inspector
from prelabel_worker.settings import Settings

_LABELBOX_SECONDS = 10  # a person waits
_PROJECTS_IN_FULL = 5
_ROOTS_TRIED = 10_000
_WORDS = {Level.OK: "ok  ", Level.NOTE: "note", Level.BAD: "BAD "}


def doctor(
    project: Project = None,
    ask_live: Annotated[
        bool, typer.Option("--live", help="Import into a scratch project and report what Labelbox does.")
    ] = False,
    data_row: Annotated[str | None, typer.Option(help="With --live: the id of a data row of the project.")] = None,
    global_key: Annotated[str | None, typer.Option(help="With --live: the data row's global key instead.")] = None,
    feature: Annotated[
        str | None, typer.Option(help="With --live: the feature to label; else the first that fits.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --live: it is a scratch project; do not ask.")] = False,
    timeout: Annotated[float, typer.Option(help="With --live: maximum seconds to wait for one import.", min=1)] = 120,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Check Redis, the broker, workers, Labelbox and projects. Exit code 1 when something needs a person.

    Example: prelabel doctor

    With --live it changes a project: it makes small imports, prints what Labelbox answers, and deletes them.

    Example: prelabel doctor --live --project my-scratch-project --global-key scratch-0001
    """
    settings = settings_for(redis_url)
    if ask_live:
        live(connect(settings), settings, LiveOptions(project, data_row, global_key, feature, yes, timeout, as_json))
        return
    client = connect(settings)
    if project:
        note_unknown_project(Inspector(client, settings.key_prefix), project)
    findings = list(examine(client, settings, project))
    if as_json:
        out({"findings": [finding.as_json() for finding in findings]})
    else:
        _print(findings)
    if not all(finding.good for finding in findings):
        raise typer.Exit(DONE_WITH_DEAD)


def examine(client: Client, settings: Settings, project: str | None = None) -> Iterator[Finding]:
    """Yield every finding, those about servers first. Changes nothing but the account's count of requests."""
    if settings.state.tls:
        yield redis_server.tls(str(settings.state), settings.state.options)
    infos = {server: server.info() for server in servers_of(client)}
    modes = [redis_server.mode(info, as_cluster=has_slots(client)) for info in infos.values()]
    if not all(mode.good for mode in modes):
        yield from modes
        return
    reports = {
        server: redis_server.look(server, info, _root_on(client, server, settings)) for server, info in infos.items()
    }
    run_id = str(next(iter(infos.values())).get("run_id"))
    if not all(report.can_keep_rows for report in reports.values()):
        for server, report in reports.items():
            yield from _placed(client, server, redis_server.kind(report, as_cluster=has_slots(client)))
        yield from broker.findings(settings, run_id)
        return
    states = projects.look(client, settings.key_prefix, project)
    alive = Inspector(client, settings.key_prefix).workers()
    for server, report in reports.items():
        rows = _rows_on(client, server, settings, states)
        of_server = redis_server.findings(report, settings.durability, rows, as_cluster=has_slots(client))
        yield from _placed(client, server, of_server)
    yield from broker.findings(settings, run_id)
    yield from workers.findings(alive, version("prelabel"))
    yield projects.malformed(client, settings.key_prefix)
    for state in states or ():
        yield from projects.findings(state, len(alive), settings.lease_seconds)
    safety = service.endpoint(settings.labelbox_endpoint, settings.api_keys)
    yield safety
    for account, ids in _by_account(client, settings, states or ()).items():
        yield projects.account_pause(client, settings, account)
        if safety.good:
            # A named project may be checked before its first row: then it must be known at Labelbox.
            settled = {state.id for state in states or () if not state.pending and state.id != project}
            yield from _labelbox(client, settings, account, ids, settled)


def _root_on(client: Client, server: Client, settings: Settings) -> str | None:
    """Return a root key that is kept on `server`; None when none was found, as for a node with hardly any slots."""
    roots = (keys.project_root(settings.key_prefix, f"doctor-{number}") for number in range(_ROOTS_TRIED))
    return next((root for root in roots if node_of(client, root) is server), None)


def _rows_on(client: Client, server: Client, settings: Settings, states: Sequence[ProjectState] | None) -> int | None:
    """Return how many rows `server` keeps; None when they could not be counted."""
    if states is None:
        return None
    on_server = [
        state for state in states if node_of(client, keys.project_root(settings.key_prefix, state.id)) is server
    ]
    return sum(state.pending + state.dead for state in on_server)


def _placed(client: Client, server: Client, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings about `server`, with its address when it is one node of a cluster."""
    if not has_slots(client):
        yield from findings
        return
    place = server.connection_pool.connection_kwargs
    for finding in findings:
        yield replace(finding, found=f"{place['host']}:{place['port']}: {finding.found}")


def _by_account(client: Client, settings: Settings, states: Sequence[ProjectState]) -> dict[str, list[str]]:
    """Return account → its projects, most pending rows first; all accounts that the settings name are included."""
    inspector = Inspector(client, settings.key_prefix)
    by_account: dict[str, list[str]] = {name: [] for name in (settings.account, *settings.account_keys)}
    for state in sorted(states, key=lambda state: (-state.pending, state.id)):
        account = settings.account
        with reading(state.id):
            account = inspector.overrides(state.id).get("account") or account
        by_account.setdefault(account, []).append(state.id)
    return by_account


def _labelbox(
    client: Client, settings: Settings, account: str, ids: Sequence[str], settled: Collection[str]
) -> Iterator[Finding]:
    """Yield the findings about the account's key at Labelbox, and about its projects if the key is accepted."""
    try:
        labelbox = open_labelbox(settings, account, _LABELBOX_SECONDS)
    except KeyMissing:
        yield Finding(Check.KEY, Level.BAD, f"no API key for account {account}")
        return
    try:
        accepted = service.access(labelbox, settings.labelbox_endpoint, ids[0] if ids else "doctor")
        yield accepted
        if accepted.check is Check.KEY and accepted.good:
            yield from service.projects(labelbox, pacer_of(client, settings, account), ids, settled)
    finally:
        labelbox.close()


def _print(findings: Sequence[Finding]) -> None:
    """Print each finding on a line; with many projects, only count their checks that are in order."""
    project_ids = {finding.project_id for finding in findings if finding.project_id}
    brief = len(project_ids) > _PROJECTS_IN_FULL
    for finding in findings:
        if finding.project_id and brief and finding.level is Level.OK:
            continue
        where = f"{finding.project_id}: " if finding.project_id else ""
        print_line(f"{_WORDS[finding.level]} {where}{finding.found}")
        if finding.remedy:
            print_line(f"      → {finding.remedy}")
    if brief:
        in_order = sum(finding.project_id is not None and finding.level is Level.OK for finding in findings)
        print_line(f"ok   in order: {counted(in_order, 'check')} of {counted(len(project_ids), 'project')}")
