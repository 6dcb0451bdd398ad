"""The ontology that a chunk's rows are checked against: from the cache, or fetched now, with a permit of the chunk."""

import structlog

from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.labelbox import retry_policy
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.labelbox.ontology_cache import FRESH_SECONDS, Cached
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

    def get(self, older_than: float = FRESH_SECONDS) -> Cached | None:
        """Return the ontology; fetch it now if the cached one is older than `older_than` seconds.

        The cached one is used while Labelbox is down. Returns None when there is no ontology yet: the chunk was given
        back. Raises RequestError and LeaseLost.
        """
        context, project_id = self._context, self._chunk.project_id
        cached = context.catalog.get(project_id)
        if cached is not None and cached.age_seconds <= older_than:
            return cached
        if not self._permits.ask():
            return None
        try:
            fetched = context.catalog.refresh(project_id, self._fetch)
        except RequestError as error:
            if cached is None or retry_policy.decide(error, 1, base=1, cap=1).action is not RetryAction.LATER:
                raise
            _log.warning("ontology.stale", project=project_id, age_seconds=round(cached.age_seconds))
            return cached
        if fetched is None and cached is not None and older_than == FRESH_SECONDS:
            return cached  # another worker fetches it; the cached one is used meanwhile
        if fetched is None:
            why = "the ontology is being fetched"
            context.ledger.give_back(self._chunk, _FETCH_AGAIN_SECONDS, why=why, failures=self._chunk.failures)
        return fetched

    def _fetch(self) -> ProjectOntology:
        with self._permits.request():
            return self._account.labelbox.ontology(self._chunk.project_id)
