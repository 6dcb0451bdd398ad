"""Ontologies of projects: fetched when needed, cached in Redis for all workers, parsed once in each process.

Projects with equal ontologies share the parsed one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import orjson
from redis.client import Pipeline

from prelabel.wire import keys
from prelabel.wire.client import Client, seconds_of
from prelabel_worker.labelbox import responses
from prelabel_worker.labelbox.errors import UnexpectedShape
from prelabel_worker.labelbox.types import ProjectOntology
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.scripts import Scripts

FRESH_SECONDS = 600.0
"""Seconds after which an ontology is fetched again. While Labelbox is unreachable, the cached one is used."""
REFRESH_SECONDS = 5.0
"""Minimum seconds between two fetches of one project's ontology, by all workers together.

An ontology that is older than this refuses no row: it is fetched again first.
"""
# How long one worker's fetch keeps others from fetching. If that worker dies, they wait no longer than this.
_FLIGHT_MS = 10_000
_MOST_PARSED = 4096  # different ontologies
_FIELDS = ("normalized", "mediaType", "fetchedMs", "retriedMs", "refreshMs")


@dataclass(frozen=True, slots=True)
class Cached:
    """An ontology as it was when it was fetched. All times are Redis's."""

    #: The ontology, parsed. The same object as long as Labelbox answers the same.
    ontology: Ontology
    #: Seconds since the request for it was sent.
    age_seconds: float
    #: When the request for it was sent, in ms.
    fetched_ms: int
    #: When an operator last retried rows, in ms; 0 for never.
    retried_ms: int
    #: When an operator last asked for a refresh, in ms; 0 for never.
    refresh_ms: int

    def is_outdated(self, cut_ms: float = math.inf) -> bool:
        """Return whether an operator has retried rows or asked for a refresh since it was fetched.

        For the rows of a chunk, `cut_ms` is when it was cut: what an operator retried later is not in it. Otherwise a
        long series of retries would keep the chunks of a project waiting.
        """
        return self.fetched_ms < max(self.refresh_ms, min(self.retried_ms, cut_ms))


class Catalog:
    """The ontologies cached in one Redis. The caller fetches them from Labelbox, since a fetch needs a permit."""

    def __init__(self, client: Client, key_prefix: str) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._prefix = key_prefix

    def get(self, project_id: str) -> Cached | None:
        """Return the cached ontology, or None if none is cached or the cached value cannot be read.

        It is parsed again only when it has changed.
        """
        with self._client.pipeline(transaction=False) as pipeline:
            ask_ontology(pipeline, self._keys(project_id))
            return ontology_answered(*pipeline.execute())

    def refresh(self, project_id: str, fetch: Callable[[], ProjectOntology]) -> Cached | None:
        """Fetch the ontology, cache it and return it. Raises the errors of `fetch`.

        Returns None while another worker fetches it or has just done so.
        """
        project_keys, wait_ms = self._keys(project_id), int(REFRESH_SECONDS * 1000)
        begun_ms = int(self._scripts.run("begin_ontology_fetch", project_keys.root, _FLIGHT_MS, wait_ms))
        if not begun_ms:
            return None
        try:
            fetched = fetch()
        except BaseException:
            self._client.delete(project_keys.ontology_flight)
            raise
        stored, media_type = orjson.dumps(fetched.normalized), fetched.media_type or ""
        now, retried, refresh = self._scripts.run(
            "put_ontology", project_keys.root, begun_ms, stored, media_type, fetched.name
        )
        return _cached(int(now), [stored, media_type.encode(), str(begun_ms).encode(), retried, refresh])

    def _keys(self, project_id: str) -> keys.ProjectKeys:
        return keys.ProjectKeys(self._prefix, project_id)


def ask_ontology(pipeline: Pipeline, project_keys: keys.ProjectKeys) -> None:
    """Add two commands to a pipeline, whose answers `ontology_answered` reads: the time and the stored ontology."""
    pipeline.time()
    pipeline.hmget(project_keys.ontology, _FIELDS)


def ontology_answered(time_parts: tuple[int, int], fields: Sequence[bytes | None]) -> Cached | None:
    """Return the cached ontology, or None if none is cached or the cached value cannot be read."""
    return _cached(int(1000 * seconds_of(time_parts)), fields)


def _cached(now_ms: int, fields: Sequence[bytes | None]) -> Cached | None:
    stored, media_type, fetched, retried, refresh = fields
    if stored is None or fetched is None:
        return None
    ontology = _parsed(stored, media_type or b"")
    if ontology is None:
        return None
    age_seconds = max(0, now_ms - int(fetched)) / 1000
    return Cached(ontology, age_seconds, int(fetched), int(retried or 0), int(refresh or 0))


@lru_cache(_MOST_PARSED)
def _parsed(stored: bytes, media_type: bytes) -> Ontology | None:
    try:
        tree = responses.tree_of(stored.decode())
    except (UnexpectedShape, UnicodeDecodeError):  # an earlier release cached Labelbox's answers unchecked
        return None
    return Ontology.from_normalized(tree, media_type.decode() or None)
