"""What pages work with: one object that lives as long as the application."""

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from prelabel.wire.client import Client
from prelabel_console.access.access import Access
from prelabel_console.access.roles import Visitor
from prelabel_console.audits import Audits, Verdict
from prelabel_console.dead import DeadTools, make_dead_tools
from prelabel_console.names import ProjectNames
from prelabel_console.news import GroupNews, News
from prelabel_console.snapshot import Snapshot
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.accounts.status import Accounts
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.operations.action_log import Actions
from prelabel_worker.operations.projects import Projects
from prelabel_worker.queries.flow import FlowReader
from prelabel_worker.queries.flow_points import FlowPoint
from prelabel_worker.queries.imports import Imports
from prelabel_worker.queries.overview import Overview, Overviews
from prelabel_worker.queries.status import Inspector
from prelabel_worker.settings import Settings

_OVERVIEW_SECONDS = 2.0
_FLOW_SECONDS = 5.0
_NEWS_SECONDS = 10.0
_AUDIT_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Console:
    """One console of one Redis."""

    #: The settings, which also say where Redis and Labelbox are.
    settings: Settings
    #: Redis, for everything that no object below does.
    client: Client
    #: Who may do what.
    access: Access
    #: All projects, accounts and workers, as a thread read them some seconds ago.
    overview: Snapshot[Overview]
    #: What became of rows of all projects together in the last hour, by minute.
    flow: Snapshot[list[FlowPoint]]
    #: What the audit says about the projects that are cheap to audit.
    audit: Snapshot[Verdict]
    #: Error groups that a person should look at first.
    news: Snapshot[list[GroupNews]]
    #: The names of projects at Labelbox.
    names: ProjectNames
    #: Dead letters and error groups.
    dead: DeadTools

    @property
    def prefix(self) -> str:
        """The prefix of all keys in Redis."""
        return self.settings.key_prefix

    @property
    def flow_reader(self) -> FlowReader:
        """Reads rows and requests by time."""
        return FlowReader(self.client, self.prefix)

    @property
    def inspector(self) -> Inspector:
        """Reads one project, now."""
        return Inspector(self.client, self.prefix)

    @property
    def imports(self) -> Imports:
        """Reads chunks and imports."""
        return Imports(self.client, self.prefix)

    @property
    def accounts(self) -> Accounts:
        """Reads and resumes accounts."""
        return Accounts(self.client, self.settings)

    @property
    def projects(self) -> Projects:
        """Changes projects."""
        return Projects(self.client, self.prefix)

    @property
    def pauses(self) -> Pauses:
        """Pauses projects and accounts."""
        return Pauses(self.client, self.prefix)

    @property
    def held(self) -> HeldRows:
        """Reads and changes held rows."""
        return HeldRows(self.client, self.prefix)

    def actions(self, visitor: Visitor | None = None) -> Actions:
        """Return the action log; what is recorded with it was done by the visitor."""
        return Actions(self.client, self.prefix, visitor.name if visitor else "")

    def stop(self) -> None:
        """End the threads."""
        self.overview.stop()
        self.flow.stop()
        self.audit.stop()
        self.news.stop()
        self.names.stop()
        self.dead.stop()


def make_console(settings: Settings, client: Client, access: Access) -> Console:
    """Return a console; its threads start when pages need them."""
    overview = Snapshot("overview", Overviews(client, settings).read, _OVERVIEW_SECONDS)
    reader = FlowReader(client, settings.key_prefix)
    flow = Snapshot("flow", lambda: reader.sum_of(list(overview.latest().value.projects)), _FLOW_SECONDS)
    audits = Audits(client, settings.key_prefix, lambda: overview.latest().value)
    audit = Snapshot("audit", audits.read, _AUDIT_SECONDS)
    names, dead = ProjectNames(client, settings), make_dead_tools(client, settings)
    news = Snapshot("news", News(dead, lambda: overview.latest().value.at).read, _NEWS_SECONDS)
    return Console(settings, client, access, overview, flow, audit, news, names, dead)


def console_of(request: Request) -> Console:
    """Return the console that a request was sent to."""
    return cast(Console, request.app.state.console)


def visitor_of(request: Request) -> Visitor:
    """Return who sends a request. Only for routes that need a role, where the gate has set it."""
    return cast(Visitor, request.state.visitor)
