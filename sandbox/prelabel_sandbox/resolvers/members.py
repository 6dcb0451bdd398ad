"""People: the only user, who has made everything and is a member of every project.

Source: docs/reference/labelbox-api.md#2-12. The user and the organization are those of `account`.
"""

from typing import Any

from ariadne import ObjectType, QueryType

from prelabel_sandbox.ids import derived_id
from prelabel_sandbox.resolvers.account import organization, user
from prelabel_sandbox.resolvers.common import Info, page_of
from prelabel_sandbox.resolvers.filters import matches
from prelabel_sandbox.store.projects import Project

query, organization_type, user_type = QueryType(), ObjectType("Organization"), ObjectType("User")
project_type, dataset_type, row_type = ObjectType("Project"), ObjectType("Dataset"), ObjectType("DataRow")
BINDABLES = (query, organization_type, user_type, project_type, dataset_type, row_type)

# The names are assumed; the SDK's tests name some of them.
_ROLES = [{"id": derived_id("role", name), "name": name} for name in ("Labeler", "Reviewer", "Team Manager", "Admin")]
_ADMIN = _ROLES[-1]

for _type in (project_type, dataset_type, row_type):
    _type.set_field("createdBy", lambda _, info: user(None, info))
for _type in (project_type, dataset_type, row_type, user_type):
    _type.set_field("organization", lambda _, info: organization(None, info))
user_type.set_field("timezone", lambda *_: "UTC")


@query.field("users")
@organization_type.field("users")
def users(_: Any, info: Info, where: Any = None, skip: int = 0, first: int = 0) -> list[dict[str, Any]]:
    """Answer a page of the users that a filter selects."""
    skipped, size = page_of(skip, first)
    return [person for person in [user(None, info)] if matches(person, where)][skipped : skipped + size]


@query.field("roles")
def roles(_: Any, __: Info) -> list[dict[str, str]]:
    """Answer the roles that members can have."""
    return _ROLES


@project_type.field("members")
def members(project: Project, info: Info, skip: int = 0, first: int = 0) -> list[dict[str, Any]]:
    """Answer a page of a project's members: the only user, as a member of the organization."""
    skipped, size = page_of(skip, first)
    member = {"id": derived_id(project.id, "member"), "user": user(None, info), "role": _ADMIN}
    return [{**member, "accessFrom": "ORGANIZATION"}][skipped : skipped + size]
