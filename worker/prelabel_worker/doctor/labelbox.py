"""Labelbox: the endpoint, the key, and what it says of projects. Every answer becomes a finding."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from prelabel.annotations.kinds import KINDS, MEDIA_TYPES, media_type_of
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.doctor.findings import Check, Finding, Level, judged
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.endpoint import Endpoint
from prelabel_worker.labelbox.errors import Forbidden, ProjectGone, RequestError, Throttled, Unauthorized
from prelabel_worker.labelbox.types import ImportName, ProjectOntology

MOST_PROJECTS = 50
"""Projects that are asked for in one run: each costs two requests of the account's budget."""


def endpoint(url: str, api_keys: Iterable[str]) -> Finding:
    """Whether the keys are safe on their way."""
    try:
        found = Endpoint.parse(url)
    except ValueError as error:
        return Finding(Check.ENDPOINT, Level.BAD, str(error))
    return judged(Check.ENDPOINT, all(map(found.may_have, api_keys)), f"the endpoint is {found.address}")


def access(labelbox: Labelbox, url: str, project_id: str) -> Finding:
    """Whether Labelbox answers and takes the key: one question, also while the account is paused."""
    host = urlsplit(url).hostname
    try:
        # A look-up of an import that cannot exist changes nothing.
        labelbox.find_imports([ImportName(project_id, "no-such-import")])
    except Unauthorized:
        return Finding(Check.KEY, Level.BAD, "Labelbox refuses the API key")
    except Forbidden:
        return Finding(Check.KEY, Level.NOTE, f"Labelbox at {host} knows the key and says it has no right")
    except Throttled as error:
        return Finding(Check.RATE, Level.NOTE, f"Labelbox at {host}: {error}")
    except RequestError as error:
        return Finding(Check.LABELBOX, Level.BAD, f"Labelbox at {host}: {error}")
    return Finding(Check.KEY, Level.OK, f"Labelbox at {host} accepts the key")


def projects(labelbox: Labelbox, pacer: Pacer, ids: Sequence[str]) -> Iterator[Finding]:
    """What Labelbox says of each project, of the first 50, and for as long as it answers."""
    for at, project_id in enumerate(ids):
        if at == MOST_PROJECTS:
            yield _not_looked_at(len(ids) - at, "more than 50")
            return
        try:
            yield from _project(labelbox, pacer, project_id)
        except RequestError as error:
            yield _not_looked_at(len(ids) - at, str(error))
            return


def _not_looked_at(count: int, why: str) -> Finding:
    return Finding(Check.LOOKED_AT, Level.NOTE, f"{count} projects were not asked for at Labelbox: {why}")


def _project(labelbox: Labelbox, pacer: Pacer, project_id: str) -> Iterator[Finding]:
    pacer.wait()
    try:
        found = labelbox.ontology(project_id)
    except ProjectGone:
        yield Finding(Check.ONTOLOGY, Level.BAD, "Labelbox does not know it, or the key may not see it", project_id)
        return
    except Forbidden:
        yield Finding(Check.ONTOLOGY, Level.BAD, "the key has no right to it", project_id)
        return
    yield from describe(found, project_id)
    pacer.wait()
    shown = labelbox.shows_pre_labels(project_id)
    if shown is None:
        yield Finding(Check.SHOWN, Level.NOTE, "Labelbox does not say whether labelers see pre-labels", project_id)
    else:
        words = "labelers see pre-labels" if shown else "pre-labels are hidden from labelers"
        yield judged(Check.SHOWN, shown, words, project_id)


def describe(found: ProjectOntology, project_id: str) -> Iterator[Finding]:
    """The features and the media type of a project. Pure."""
    features = [*(found.normalized.get("tools") or ()), *(found.normalized.get("classifications") or ())]
    kept = [each for each in features if not each.get("archived")]
    known = [each for each in kept if _is_known(each)]
    named = f"ontology '{found.name}' has {len(kept)} features" if found.name else f"{len(kept)} features"
    yield judged(Check.ONTOLOGY, bool(known), f"{named}, {len(known)} of a kind that can be pre-labelled", project_id)
    yield _media(found.media_type, project_id)


def _is_known(feature: dict[str, Any]) -> bool:
    kind = feature.get("tool") or feature.get("type")
    return any(kind in each.tools for each in KINDS)


def _media(media_type: str | None, project_id: str) -> Finding:
    plain = media_type_of(media_type)
    if plain not in MEDIA_TYPES:
        return Finding(Check.MEDIA, Level.NOTE, f"media type {media_type or 'not set'}, which is not known", project_id)
    kinds = [kind.name for kind in KINDS if plain in kind.media]
    if not kinds:
        return Finding(Check.MEDIA, Level.BAD, f"media type {media_type} takes no annotation kind", project_id)
    return judged(Check.MEDIA, True, f"media type {media_type} takes {', '.join(kinds)}", project_id)
