"""The ontology that a chunk's rows are checked against: from the cache, or fetched now, with a permit of the chunk."""

import structlog

from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.labelbox.ontology_cache import FRESH_SECONDS, REFRESH_SECONDS, Cached
from prelabel_worker.labelbox.retry_policy import RetryAction
from prelabel_worker.labelbox.types import ProjectOntology
from prelabel_worker.stages.context import Account, StageContext
from prelabel_worker.stages.permits import ChunkPermits

_log = structlog.get_logger(__name__)
_FETCH_AGAIN_SECONDS = 0.3


class FreshOntology:
    """The ontology of the project of one held chunk."""

    def __init__(self, context: StageContext, account: Account, chunk: Chunk, permits: ChunkPermits) -> None:
        self._context = context
        self._account = account
        self._chunk = chunk
        self._permits = permits

    def get(self, cached: Cached | None) -> Cached | None:
        """Return the cached ontology; fetch it now if there is none, or if it is outdated or not fresh.

        While Labelbox is down, a cached one that is not outdated is used however old it is. Returns None when there is
        no ontology yet: the chunk was given back. Raises RequestError and LeaseLost.
        """
        if cached is None or cached.is_outdated(self._chunk.cut_ms):
            return self._renewed(cached)
        if cached.age_seconds <= FRESH_SECONDS:
            return cached
        return self._renewed(cached, fallback=cached)

    def after_refusal(self) -> Cached | None:
        """Return an ontology whose refusals are final: fetch it unless the cached one is only seconds old.

        Returns None when the chunk was given back. Raises RequestError and LeaseLost: a row must not become a dead
        letter because of an ontology that may have changed, so the chunk waits until Labelbox answers.
        """
        cached = self._context.catalog.get(self._chunk.project_id)
        if cached is not None and cached.age_seconds <= REFRESH_SECONDS:
            return cached
        return self._renewed(cached)

    def _renewed(self, cached: Cached | None, fallback: Cached | None = None) -> Cached | None:
        if cached is not None and cached.age_seconds < REFRESH_SECONDS:
            self._give_back(REFRESH_SECONDS - cached.age_seconds)
            return None
        if not self._permits.ask():
            return None
        try:
            fetched = self._context.catalog.refresh(self._chunk.project_id, self._fetch)
        except RequestError as error:
            if fallback is None or retry_policy.decide(error, 1, base=1, cap=1).action is not RetryAction.LATER:
                raise
            _log.warning("ontology.stale", project=self._chunk.project_id, age_seconds=round(fallback.age_seconds))
            return fallback
        if fetched is None and fallback is None:
            self._give_back(_FETCH_AGAIN_SECONDS)
        return fetched or fallback  # while another worker fetches it, the cached one is used

    def _give_back(self, seconds: float) -> None:
        why = "the ontology is being fetched"
        self._context.ledger.give_back(self._chunk, seconds, why=why, failures=self._chunk.failures)

    def _fetch(self) -> ProjectOntology:
        with self._permits.request():
            return self._account.labelbox.ontology(self._chunk.project_id)
