"""A project's ontology: fetched when needed, cached in Redis for all workers, parsed once a process."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.labelbox import responses
from prelabel_worker.labelbox.errors import UnexpectedShape
from prelabel_worker.labelbox.types import ProjectOntology
from prelabel_worker.ontology.ontology import Ontology

FRESH_SECONDS = 600.0
"""An ontology is asked for again after this; while Labelbox is away the old one serves."""
REFRESH_SECONDS = 60.0
"""A row that names an unknown feature makes it be asked for again, at most this often."""
_FLIGHT_MS = 10_000  # should the worker that fetches it die, others continue within the time that recovery may take


@dataclass(frozen=True, slots=True)
class Cached:
    """An ontology and how old it is."""

    ontology: Ontology
    age_seconds: float


class Catalog:
    """The ontologies behind one Redis; fetching is the caller's, since it costs a permit."""

    def __init__(self, client: Client, key_prefix: str) -> None:
        self._client = client
        self._prefix = key_prefix
        self._parsed: dict[str, tuple[bytes, Ontology]] = {}

    def get(self, project_id: str) -> Cached | None:
        """The cached ontology, parsed anew only when it has changed; None for what is none, as if it were not there."""
        key = keys.ProjectKeys(self._prefix, project_id).ontology
        stored, media_type, fetched = self._client.hmget(key, "normalized", "mediaType", "fetchedMs")
        if stored is None or fetched is None:
            return None
        known = self._parsed.get(project_id)
        identity = stored + b"\0" + (media_type or b"")
        if known is None or known[0] != identity:
            try:
                tree = responses.tree_of(stored.decode())
            except (UnexpectedShape, UnicodeDecodeError):  # a release before kept what Labelbox answered as it was
                return None
            ontology = Ontology.from_normalized(tree, media_type.decode() if media_type else None)
            known = self._parsed[project_id] = (identity, ontology)
        return Cached(known[1], max(0.0, time.time() - int(fetched) / 1000))

    def put(self, project_id: str, found: ProjectOntology) -> None:
        """Keep what Labelbox answered."""
        key = keys.ProjectKeys(self._prefix, project_id).ontology
        fields: dict[str, bytes | str | int] = {
            "normalized": orjson.dumps(found.normalized),
            "mediaType": found.media_type or "",
            "name": found.name,
            "fetchedMs": int(time.time() * 1000),
        }
        self._client.hset(key, mapping=fields)

    def refresh(self, project_id: str, fetch: Callable[[], ProjectOntology]) -> Cached | None:
        """Fetch it now, or None while another worker does or when Redis has lost it. Raises what `fetch` raises."""
        flight = keys.ProjectKeys(self._prefix, project_id).ontology_flight
        if not self._client.set(flight, 1, nx=True, px=_FLIGHT_MS):
            return None
        try:
            self.put(project_id, fetch())
        finally:
            self._client.delete(flight)
        return self.get(project_id)
