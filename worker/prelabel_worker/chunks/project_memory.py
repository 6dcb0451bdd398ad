"""What a project remembers apart from its chunks: imported rows, held rows, consecutive refusals."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from redis.client import Pipeline

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.quarantine.pipelines import ask
from prelabel_worker.scripts import Scripts
from prelabel_worker.settings import Settings

BOTH_FORMS = "ik"
"""The forms of a data row's name: `i` for its id, `k` for its global key."""
_DAY_MS = 86_400_000
_ASKED_TOGETHER = 500  # rows in one call to Redis
_REFUSALS_SECONDS = 24 * 3600  # after a refusal; no pause of a bisection is longer


def forms_of(stored: bytes | None) -> str:
    """Return the forms among what Redis has: `i`, `k`, `ik`, or '' for none."""
    return "".join(form for form in BOTH_FORMS if form in (stored or b"").decode("latin-1"))


def imported_forms(stored: bytes | None, imported: bytes | None) -> str:
    """Return how the imported rows of a project name their data rows; '' while none is imported."""
    return forms_of(stored) if int(imported or 0) > 0 else ""


def ask_forms(pipeline: Pipeline, project_keys: keys.ProjectKeys) -> None:
    """Add three commands to a pipeline, whose answers `forms_answered` reads."""
    pipeline.hget(project_keys.overrides, "dataRowForms")
    pipeline.hget(project_keys.meta, "forms")
    pipeline.hget(project_keys.counts, "imported")


def forms_answered(override: bytes | None, known: bytes | None, imported: bytes | None) -> str:
    """Return how rows of a project may name their data rows, `i`, `k` or `ik`; '' while nothing is decided."""
    return forms_of(override) or imported_forms(known, imported)


class BeforeSettle(NamedTuple):
    """What decides how the outcomes of a chunk are committed."""

    #: Number of row keys that held rows have.
    held_rows: int
    #: Number of imported rows of the project.
    imported: int


def _before_settle(answers: Sequence[Any]) -> BeforeSettle:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    held_rows, imported = answers
    return BeforeSettle(held_rows, int(imported or 0))


class ProjectMemory:
    """The memory of all projects in one Redis."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._scripts = Scripts(client)

    def was_imported(self, project_id: str, digests: Sequence[int]) -> set[int]:
        """Return those digests whose rows were imported within the last `history_days`."""
        keep_ms = int(self._settings.history_days * _DAY_MS)
        imported: set[int] = set()
        for at in range(0, len(digests) if keep_ms else 0, _ASKED_TOGETHER):
            part = digests[at : at + _ASKED_TOGETHER]
            imported |= {
                part[place] for place in self._scripts.run("was_imported", self._keys(project_id).root, keep_ms, *part)
            }
        return imported

    def forms(self, project_id: str) -> str:
        """Return how rows of the project may name their data rows, `i`, `k` or `ik`; '' while nothing is decided."""
        with self._client.pipeline(transaction=False) as pipeline:
            ask_forms(pipeline, self._keys(project_id))
            return forms_answered(*pipeline.execute())

    def before_settle(self, project_id: str) -> BeforeSettle:
        """Return the numbers of a project that a commit of outcomes depends on."""
        (numbers,) = self.all_before_settle([project_id])
        return numbers()

    def all_before_settle(self, project_ids: Sequence[str]) -> list[Callable[[], BeforeSettle]]:
        """Read these numbers of several projects in one round trip.

        Each of the functions returns those of one project, or raises the error of its keys.
        """

        def get(pipeline: Pipeline, project_id: str) -> None:
            project_keys = self._keys(project_id)
            pipeline.hlen(project_keys.held_rows)
            pipeline.hget(project_keys.counts, "imported")

        return [partial(_before_settle, answers) for _, answers in ask(self._client, project_ids, get)]

    def held_among(self, project_id: str, row_keys: Sequence[str]) -> set[str]:
        """Return those of the row keys that a held row has too: a settled row can only supersede these held rows."""
        key = self._keys(project_id).held_rows
        held_keys: set[str] = set()
        for at in range(0, len(row_keys), _ASKED_TOGETHER):
            part = row_keys[at : at + _ASKED_TOGETHER]
            held_ids = self._client.hmget(key, part)
            held_keys |= {row_key for row_key, ids in zip(part, held_ids, strict=True) if ids is not None}
        return held_keys

    def count_refusal(self, chunk: Chunk, of: Literal["upload", "import"]) -> int:
        """Count a refused upload or import of this chunk's bisection; return how many of that kind there were.

        The count begins again when an upload is accepted or a row is imported.
        """
        name = self._refusals(chunk)
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hincrby(name, of, 1)
            pipeline.expire(name, _REFUSALS_SECONDS)
            return int(pipeline.execute()[0])

    def forget_refusals(self, chunk: Chunk) -> None:
        """Reset the count of refusals of this chunk's bisection."""
        self._client.delete(self._refusals(chunk))

    def _refusals(self, chunk: Chunk) -> str:
        return self._keys(chunk.project_id).chunk_refusals(chunk.origin)

    def _keys(self, project_id: str) -> keys.ProjectKeys:
        return keys.ProjectKeys(self._settings.key_prefix, project_id)
