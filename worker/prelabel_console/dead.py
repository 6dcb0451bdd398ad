"""What the pages about dead letters work with."""

from collections.abc import Sequence
from dataclasses import dataclass

from prelabel.wire.client import Client
from prelabel_console.bulk.runner import BulkRunner
from prelabel_console.snapshot import Snapshot
from prelabel_worker.chunks.project_memory import ProjectMemory
from prelabel_worker.dead_letters.group_state import GroupStates
from prelabel_worker.dead_letters.search import Search
from prelabel_worker.labelbox.ontology_cache import Catalog
from prelabel_worker.labelbox.types import SubmitAs
from prelabel_worker.queries.error_groups import ErrorGroup, ErrorGroups
from prelabel_worker.queries.flow import FlowReader
from prelabel_worker.queries.row_trace import Tracer
from prelabel_worker.queries.status import Inspector
from prelabel_worker.rendering.message_check import CheckedMessage, check_message
from prelabel_worker.settings import Settings

_GROUPS_SECONDS = 2.0
_PROJECTS, _PROJECTS_READ = 5, 60


@dataclass(frozen=True, slots=True)
class DeadTools:
    """Reads and changes dead letters and error groups for pages."""

    #: The error groups, as a thread read them some seconds ago.
    groups: Snapshot[Sequence[ErrorGroup]]
    #: Reads the error groups for `groups`, and remembers what those without dead letters were about.
    group_reader: ErrorGroups
    #: What operators decided about groups.
    states: GroupStates
    #: Finds dead letters, newest first.
    search: Search
    #: Carries out bulk actions.
    bulk: BulkRunner
    #: The ontologies that workers have cached.
    ontologies: Catalog
    #: How rows name their data rows.
    memory: ProjectMemory
    #: Finds everything about a data row.
    tracer: Tracer
    #: Reads projects.
    inspector: Inspector
    #: Reads how many rows died when.
    flow: FlowReader

    def group(self, fingerprint: str | None) -> ErrorGroup | None:
        """Return the group with this fingerprint, as it was read some seconds ago; None if there is none."""
        return next((group for group in self.groups.latest().value if group.group == fingerprint), None)

    def group_without_rows(self, fingerprint: str) -> ErrorGroup:
        """Return a group that no dead letter has now, with what an operator or this console knows of it."""
        return self.group_reader.without_rows(fingerprint, self.states.get(fingerprint))

    def check(self, project_id: str, message: bytes) -> CheckedMessage:
        """Check a message as its project's workers would, with the ontology that they have cached."""
        cached = self.ontologies.get(project_id)
        submit_as = self.inspector.overrides(project_id).get("submitAs")
        return check_message(
            message,
            project_id,
            cached.ontology if cached else None,
            data_row_forms=self.memory.forms(project_id),
            ground_truth=submit_as == SubmitAs.GROUND_TRUTH,
        )

    def occurrences(self, groups: Sequence[ErrorGroup]) -> dict[str, list[int]]:
        """Return how many rows died of each group in the last 96 quarter hours, oldest first.

        Counts its `_PROJECTS` largest projects, and reads `_PROJECTS_READ` projects at most.
        """
        wanted = [(group.group, share.project_id) for group in groups for share in group.projects[:_PROJECTS]]
        project_ids = list(dict.fromkeys(project_id for _, project_id in wanted))[:_PROJECTS_READ]
        read = {project_id: self.flow.groups(project_id) for project_id in project_ids}
        sums: dict[str, list[int]] = {group.group: [] for group in groups}
        for group, project_id in wanted:
            counts = read.get(project_id, {}).get(group)
            if counts:
                sums[group] = [one + other for one, other in zip(sums[group] or [0] * len(counts), counts, strict=True)]
        return sums

    def stop(self) -> None:
        """End the threads."""
        self.groups.stop()
        self.bulk.stop()


def make_dead_tools(client: Client, settings: Settings) -> DeadTools:
    """Return the tools of one Redis; their threads start when pages need them."""
    prefix = settings.key_prefix
    reader = ErrorGroups(client, prefix)
    return DeadTools(
        groups=Snapshot("groups", reader.read, _GROUPS_SECONDS),
        group_reader=reader,
        states=GroupStates(client, prefix),
        search=Search(client, prefix),
        bulk=BulkRunner(client, prefix),
        ontologies=Catalog(client, prefix),
        memory=ProjectMemory(client, settings),
        tracer=Tracer(client, prefix),
        inspector=Inspector(client, prefix),
        flow=FlowReader(client, prefix),
    )
