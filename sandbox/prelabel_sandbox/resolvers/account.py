"""The account: one organization with one user, and no integrations.

Source: docs/reference/labelbox-api.md#2-0 and #2-1.
"""

from typing import Any

from ariadne import QueryType

from prelabel_sandbox.errors import not_found
from prelabel_sandbox.ids import derived_id
from prelabel_sandbox.resolvers.common import Info

query = QueryType()
BINDABLES = (query,)

_USER = {
    "id": derived_id("user"),
    "email": "labeler@sandbox.invalid",
    "name": "Sandbox",
    "nickname": "sandbox",
    "isViewer": False,
    "isExternalUser": False,
}


@query.field("organization")
def organization(_: Any, __: Info) -> dict[str, Any]:
    """Answer the only organization."""
    return {"id": derived_id("organization"), "name": "Sandbox"}


@query.field("iamIntegrations")
def integrations(_: Any, __: Info) -> list[Any]:
    """Answer that there are none: assets are read at their own addresses."""
    return []


@query.field("user")
def user(_: Any, __: Info, where: dict[str, Any] | None = None) -> dict[str, Any]:
    """Answer the only user, who owns every key."""
    if where is not None and where["id"] != _USER["id"]:
        raise not_found("User")
    return _USER
