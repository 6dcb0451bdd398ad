"""Ontologies of projects: fetched when needed, cached in Redis for all workers, parsed once in each process."""

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from prelabel.wire import keys
from prelabel.wire.client import Client, seconds_of, server_time
from prelabel_worker.labelbox import responses
from prelabel_worker.labelbox.errors import UnexpectedShape
from prelabel_worker.labelbox.types import ProjectOntology
from prelabel_worker.ontology.ontology import Ontology

FRESH_SECONDS = 600.0
"""Seconds after which an ontology is fetched again. While Labelbox is unreachable, the cached one is used."""
REFRESH_SECONDS = 60.0
"""Minimum seconds between two fetches of an ontology because a row names an unknown feature."""
# How long one worker's fetch keeps others from fetching. If that worker dies, they wait no longer than this.
_FLIGHT_MS = 10_000


@dataclass(frozen=True, slots=True)
class Cached:
    """An ontology and how old it is."""

    ontology: Ontology
    age_seconds: float


class Catalog:
    """The ontologies cached in one Redis. The caller fetches them from Labelbox, since a fetch needs a permit."""

    def __init__(self, client: Client, key_prefix: str) -> None:
        self._client = client
        self._prefix = key_prefix
        self._parsed: dict[str, tuple[bytes, Ontology]] = {}

    def get(self, project_id: str) -> Cached | None:
        """Return the cached ontology, or None if none is cached or the cached value cannot be read.

        It is parsed again only when it has changed.
        """
        key = keys.ProjectKeys(self._prefix, project_id).ontology
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hmget(key, "normalized", "mediaType", "fetchedMs")
            pipeline.time()
            (stored, media_type, fetched), time_parts = pipeline.execute()
        if stored is None or fetched is None:
            return None
        known = self._parsed.get(project_id)
        identity = stored + b"\0" + (media_type or b"")
        if known is None or known[0] != identity:
            try:
                tree = responses.tree_of(stored.decode())
            except (UnexpectedShape, UnicodeDecodeError):  # an earlier release cached Labelbox's answers unchecked
                return None
            ontology = Ontology.from_normalized(tree, media_type.decode() if media_type else None)
            known = self._parsed[project_id] = (identity, ontology)
        return Cached(known[1], max(0.0, seconds_of(time_parts) - int(fetched) / 1000))

    def put(self, project_id: str, ontology: ProjectOntology) -> None:
        """Cache the ontology that Labelbox answered."""
        key = keys.ProjectKeys(self._prefix, project_id).ontology
        fields: dict[str, bytes | str | int] = {
            "normalized": orjson.dumps(ontology.normalized),
            "mediaType": ontology.media_type or "",
            "name": ontology.name,
            "fetchedMs": int(server_time(self._client, key) * 1000),
        }
        self._client.hset(key, mapping=fields)

    def refresh(self, project_id: str, fetch: Callable[[], ProjectOntology]) -> Cached | None:
        """Fetch the ontology, cache it and return it. Raises the errors of `fetch`.

        Returns None while another worker fetches it, or if Redis has lost it in the meantime.
        """
        flight = keys.ProjectKeys(self._prefix, project_id).ontology_flight
        if not self._client.set(flight, 1, nx=True, px=_FLIGHT_MS):
            return None
        try:
            self.put(project_id, fetch())
        finally:
            self._client.delete(flight)
        return self.get(project_id)
