"""Which projects a data row goes to: the first route whose conditions hold takes it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prelabel.mapping import sampling
from prelabel.mapping.checks import BadMapping, between, check_keys
from prelabel.mapping.sampling import Sample, read_sample

KNOWN: dict[str, type] = {
    "project": str, "projects": list, "leave_out": bool, "below": float, "at_least": float, "empty": bool,
    **sampling.KNOWN,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Route:
    """A route. A data row must meet all its conditions; without any, the route takes every data row that reaches it."""

    #: The projects that get the data row; none if it is to be left out.
    projects: tuple[str, ...]
    #: Some prediction of the data row has a confidence below this.
    below: float | None = None
    #: All predictions of the data row have at least this confidence; those without a confidence count as certain.
    at_least: float | None = None
    #: The data row has no predictions (True), or has some (False).
    empty: bool | None = None
    #: Which of the data rows that meet the other conditions it takes.
    sample: Sample = field(default_factory=Sample)

    def suits(self, annotations: Any, lowest: float) -> bool:
        """Return whether a data row with these annotations meets the conditions, apart from the sample."""
        return (
            (self.below is None or lowest < self.below)
            and (self.at_least is None or lowest >= self.at_least)
            and (self.empty is None or self.empty == (not annotations))
        )


def lowest_confidence(annotations: Any) -> float:
    """Return the lowest confidence of a data row's predictions and answers; 1 if none of them has one."""
    return min(_confidences(annotations), default=1.0)


def _confidences(annotations: Any) -> Iterable[float]:
    for annotation in annotations if isinstance(annotations, list) else ():
        if isinstance(annotation, Mapping):
            answer = annotation.get("answer")
            for part in (annotation, *(answer if isinstance(answer, list) else (answer,))):
                confidence = part.get("confidence") if isinstance(part, Mapping) else None
                if isinstance(confidence, int | float):
                    yield confidence


def read_route(table: Any, where: str) -> Route:
    """Return the route that a table of the file means. Raises BadMapping."""
    if not isinstance(table, dict):
        raise BadMapping(f"{where}: expected a table, as [[routes]] writes it")
    check_keys(table, KNOWN, f"{where}.")
    targets = [key for key in ("project", "projects", "leave_out") if key in table]
    if len(targets) != 1 or table.get("leave_out") is False:
        found = " and ".join(targets) if len(targets) > 1 else "leave_out = false" if targets else "none"
        raise BadMapping(f"{where}: expected one of project, projects and leave_out = true, found {found}")
    below, at_least = (between(table[key], f"{where}.{key}") if key in table else None for key in ("below", "at_least"))
    return Route(_projects(table, where), below, at_least, table.get("empty"), read_sample(table, f"{where}."))


def _projects(table: dict[str, Any], where: str) -> tuple[str, ...]:
    projects = [table["project"]] if "project" in table else table.get("projects")
    if projects is None:
        return ()
    if not projects or not all(isinstance(project, str) and project for project in projects):
        raise BadMapping(f"{where}.projects: expected an array of projects' ids, with at least one")
    if len(set(projects)) != len(projects):
        raise BadMapping(f"{where}.projects: a project occurs twice")
    return tuple(projects)
