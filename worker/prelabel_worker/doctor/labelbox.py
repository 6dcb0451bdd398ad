"""Check Labelbox's endpoint, the key, and the projects there. Every answer becomes a finding."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from prelabel.annotations.kinds import KINDS, MEDIA_TYPES, media_type_of
from prelabel.printing import counted
from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.doctor.findings import Check, Finding, Level, judged
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.endpoint import Endpoint
from prelabel_worker.labelbox.errors import Forbidden, ProjectGone, RequestError, Throttled, Unauthorized
from prelabel_worker.labelbox.types import ImportName, ProjectOntology

MAX_PROJECTS = 50
"""Maximum number of projects in one run, since a project costs two requests of the account's budget."""


def endpoint(url: str, api_keys: Iterable[str]) -> Finding:
    """Check whether the keys may be sent to the endpoint: over TLS, or within this machine."""
    try:
        parsed = Endpoint.parse(url)
    except ValueError as error:
        return Finding(Check.ENDPOINT, Level.BAD, str(error))
    return judged(Check.ENDPOINT, all(map(parsed.may_have, api_keys)), f"the endpoint is {parsed.address}")


def access(labelbox: Labelbox, url: str, project_id: str) -> Finding:
    """Check whether Labelbox answers and accepts the key, with one request, even while the account is paused."""
    host = urlsplit(url).hostname
    try:
        # A look-up of an import that cannot exist changes nothing.
        labelbox.find_imports([ImportName(project_id, "no-such-import")])
    except Unauthorized:
        return Finding(Check.KEY, Level.BAD, "Labelbox refuses the API key")
    except Forbidden:
        return Finding(Check.KEY, Level.NOTE, f"Labelbox at {host} knows the key, but the key has no rights")
    except Throttled as error:
        return Finding(Check.RATE, Level.NOTE, f"Labelbox at {host}: {error}")
    except RequestError as error:
        return Finding(Check.LABELBOX, Level.BAD, f"Labelbox at {host}: {error}")
    return Finding(Check.KEY, Level.OK, f"Labelbox at {host} accepts the key")


def projects(labelbox: Labelbox, pacer: Pacer, ids: Sequence[str], settled: Collection[str] = ()) -> Iterator[Finding]:
    """Check the first 50 projects at Labelbox, as long as it answers; `settled` are those without a pending row."""
    for index, project_id in enumerate(ids):
        if index == MAX_PROJECTS:
            yield _unchecked(len(ids) - index, "more than 50")
            return
        try:
            yield from _project(labelbox, pacer, project_id, unknown=Level.NOTE if project_id in settled else Level.BAD)
        except RequestError as error:
            yield _unchecked(len(ids) - index, str(error))
            return


def _unchecked(count: int, why: str) -> Finding:
    return Finding(Check.LOOKED_AT, Level.NOTE, f"not asked for at Labelbox: {counted(count, 'project')}: {why}")


def _project(labelbox: Labelbox, pacer: Pacer, project_id: str, *, unknown: Level) -> Iterator[Finding]:
    pacer.wait()
    try:
        ontology = labelbox.ontology(project_id)
    except ProjectGone:
        yield Finding(Check.ONTOLOGY, unknown, "Labelbox does not know it, or the key may not see it", project_id)
        return
    except Forbidden:
        yield Finding(Check.ONTOLOGY, Level.BAD, "the key has no right to it", project_id)
        return
    yield from describe(ontology, project_id)
    pacer.wait()
    shown = labelbox.shows_pre_labels(project_id)
    if shown is None:
        yield Finding(Check.SHOWN, Level.NOTE, "Labelbox does not say whether labelers see pre-labels", project_id)
    else:
        words = "labelers see pre-labels" if shown else "pre-labels are hidden from labelers"
        yield judged(Check.SHOWN, shown, words, project_id)


def describe(ontology: ProjectOntology, project_id: str) -> Iterator[Finding]:
    """Check the features and the media type of a project. Pure: no I/O."""
    features = [*(ontology.normalized.get("tools") or ()), *(ontology.normalized.get("classifications") or ())]
    active = [feature for feature in features if not feature.get("archived")]
    supported = [feature for feature in active if _is_supported(feature)]
    count = counted(len(active), "feature")
    summary = f"ontology '{ontology.name}' has {count}" if ontology.name else count
    yield judged(
        Check.ONTOLOGY, bool(supported), f"{summary}, {len(supported)} of a kind that can be pre-labelled", project_id
    )
    yield _media(ontology.media_type, project_id)


def _is_supported(feature: dict[str, Any]) -> bool:
    kind = feature.get("tool") or feature.get("type")
    return any(kind in annotation_kind.tools for annotation_kind in KINDS)


def _media(media_type: str | None, project_id: str) -> Finding:
    known_type = media_type_of(media_type)
    if known_type not in MEDIA_TYPES:
        return Finding(Check.MEDIA, Level.NOTE, f"media type {media_type or 'not set'}, which is not known", project_id)
    kinds = [kind.name for kind in KINDS if known_type in kind.media]
    if not kinds:
        return Finding(Check.MEDIA, Level.BAD, f"media type {media_type} takes no annotation kind", project_id)
    return judged(Check.MEDIA, True, f"media type {media_type} takes {', '.join(kinds)}", project_id)
