"""Error groups: what fails most, since when, and what fixes it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from prelabel_console.charts import spark_of
from prelabel_console.console import console_of, visitor_of
from prelabel_console.endpoints import Conflict, Form, Missing, act, page
from prelabel_console.paging import paging
from prelabel_console.render import done, render
from prelabel_worker.dead_letters.explain import explanation
from prelabel_worker.dead_letters.group_state import Decision, StateChanged
from prelabel_worker.queries.error_groups import ErrorGroup

_SIZE = 50
_SHOWN = {
    "open": ("open", "regressed"),
    "resolved": ("resolved",),
    "ignored": ("ignored",),
    "all": ("open", "regressed", "resolved", "ignored"),
}
"""The lists of groups, and the states of their groups."""
_GROUP = re.compile(r"[0-9a-f]{6,64}")
_DONE = {"open": "open again", "resolved": "resolved", "ignored": "ignored"}


@dataclass(frozen=True, slots=True)
class Tab:
    """A list of groups, as a link."""

    name: str
    link: str
    count: int
    current: bool


def groups_page(request: Request) -> Response:
    """Answer the groups of one list, the largest first."""
    reading = console_of(request).dead.groups.latest()
    shown = request.query_params.get("state") or "open"
    if shown not in _SHOWN:
        raise Missing(f"There is no list of {shown} groups.")
    text = (request.query_params.get("q") or "").strip()
    matching = [group for group in reading.value if _matches(group, text)]
    listed = [group for group in matching if group.state in _SHOWN[shown]]
    listing = paging(request, _SIZE, len(listed), state=shown if shown != "open" else "", q=text)
    part = listed[listing.skip : listing.until]
    return render(
        request,
        "groups.html",
        section="groups",
        groups=part,
        paging=listing,
        tabs=[
            Tab(name, _link(name, text), sum(group.state in states for group in matching), name == shown)
            for name, states in _SHOWN.items()
        ],
        shown=shown,
        text=text,
        age=reading.age_seconds,
        sparks={name: spark_of(counts) for name, counts in console_of(request).dead.occurrences(part).items()},
    )


def group_page(request: Request) -> Response:
    """Answer one group: what is wrong, where, since when, and what can be done."""
    dead = console_of(request).dead
    group = _group(request)
    counts = dead.occurrences([group]).get(group.group, [])
    return render(
        request,
        "group.html",
        section="groups",
        group=group,
        counts=counts,
        deaths=spark_of(counts),
        running=[action for action in dead.bulk.log.all() if action.scope == f"group:{group.group}"][:5],
        query=f"group:{group.group}",
        explanation=explanation,
    )


def decide(request: Request, form: Form) -> Response:
    """Set the state of a group, unless somebody else has set it since the page was shown."""
    dead, name = console_of(request).dead, request.path_params["name"]
    decision: Decision | None = next((known for known in get_args(Decision) if known == form["decision"]), None)
    if decision is None:
        raise Missing("There is no such decision.")
    present = dead.states.get(name)
    try:
        if present.digest != form["read"]:
            raise StateChanged(present)
        dead.states.set(name, decision, visitor_of(request).name, present, form["about"])
    except StateChanged as error:
        raise Conflict(f"{error}. Nothing was changed: look at the group again, and decide then.") from None
    console_of(request).actions(visitor_of(request)).record_group(name, decision, {"about": form["about"][:200]})
    dead.groups.renew()
    return done(request, f"/groups/{name}", f"The group is {_DONE[decision]}.")


def _group(request: Request) -> ErrorGroup:
    name = request.path_params["name"]
    if not _GROUP.fullmatch(name):
        raise Missing("No group has this fingerprint.")
    dead = console_of(request).dead
    return dead.group(name) or dead.group_without_rows(name)


def _matches(group: ErrorGroup, text: str) -> bool:
    if not text:
        return True
    words: Sequence[str] = (
        group.group, group.reason, group.about, group.field, group.suggestion, *group.models,
        *(share.project_id for share in group.projects),
    )  # fmt: skip
    searched = "\n".join(words).casefold()
    return all(word in searched for word in text.casefold().split())


def _link(state: str, text: str) -> str:
    fields = {"state": state if state != "open" else "", "q": text}
    query = urlencode({name: value for name, value in fields.items() if value})
    return f"/groups?{query}" if query else "/groups"


ROUTES = [
    page("/groups", groups_page, "groups"),
    page("/groups/{name}", group_page, "group"),
    act("/groups/{name}/state", decide, "decides"),
]
