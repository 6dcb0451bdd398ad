"""`/api/v1/*`: the operations on feature schemas and ontologies that the SDK does by REST.

Source: docs/reference/labelbox-api.md#2-12. Errors have the key `message`, which the SDK shows.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import msgspec
from graphql import GraphQLError
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from prelabel_sandbox.http.graphql import gate, key_of
from prelabel_sandbox.resolvers.feature_schemas import put_feature
from prelabel_sandbox.sandbox import Sandbox, sandbox_of
from prelabel_sandbox.store.feature_schemas import FeatureSchema, NotPossible

Handler = Callable[[Sandbox, Request, bytes], Response]
Body = TypeVar("Body")

_NEW = "new_feature_schema_id"  # what the SDK writes instead of an id
_PAGE = 100
_GROUPS = ("tools", "classifications")


class Upsert(msgspec.Struct):
    """A feature schema to create or to change, as JSON."""

    normalized: str


class Definition(msgspec.Struct):
    """The new title of a feature schema."""

    title: Annotated[str, Meta(min_length=1)]


class Position(msgspec.Struct):
    """Where in an ontology a feature schema goes."""

    position: Annotated[int, Meta(ge=0)]


class After(msgspec.Struct):
    """The last id of the page before."""

    after: str | None = None


def _put_feature(sandbox: Sandbox, request: Request, body: bytes) -> Response:
    feature_id = request.path_params["feature_id"]
    text = _read(body, Upsert).normalized
    stored = put_feature(sandbox.store, text, None if feature_id == _NEW else feature_id)
    return JSONResponse({"schemaId": stored.id})


def _rename_feature(sandbox: Sandbox, request: Request, body: bytes) -> Response:
    tree, title = _feature(sandbox, request).normalized, _read(body, Definition).title
    shown = {"name": title} if "tool" in tree else {"name": title, "instructions": title}
    sandbox.store.feature_schemas.put({**tree, **shown})
    return JSONResponse({})


def _delete_feature(sandbox: Sandbox, request: Request, _: bytes) -> Response:
    sandbox.store.feature_schemas.delete(request.path_params["feature_id"])
    return Response(status_code=204)


def _unused_features(sandbox: Sandbox, _: Request, body: bytes) -> Response:
    return JSONResponse(sandbox.store.feature_schemas.unused(_read(body, After).after or "", _PAGE))


def _unused_ontologies(sandbox: Sandbox, _: Request, body: bytes) -> Response:
    return JSONResponse(sandbox.store.feature_schemas.unused_ontologies(_read(body, After).after or "", _PAGE))


def _show_ontology(sandbox: Sandbox, request: Request, _: bytes) -> Response:
    """Answer which feature schemas of an ontology are archived."""
    tree = _tree(sandbox, request)
    nodes = {
        group: [
            {"featureSchemaId": node["featureSchemaId"], "archived": bool(node.get("archived"))} for node in tree[group]
        ]
        for group in _GROUPS
    }
    return JSONResponse({"featureSchemaNodes": {**nodes, "relationships": []}})


def _delete_ontology(sandbox: Sandbox, request: Request, _: bytes) -> Response:
    sandbox.store.feature_schemas.delete_ontology(request.path_params["ontology_id"])
    return Response(status_code=204)


def _insert_feature(sandbox: Sandbox, request: Request, body: bytes) -> Response:
    position = _read(body, Position).position
    sandbox.store.feature_schemas.insert(request.path_params["ontology_id"], _feature(sandbox, request), position)
    return JSONResponse({}, 201)


def _remove_feature(sandbox: Sandbox, request: Request, _: bytes) -> Response:
    """Remove a feature schema from an ontology, or archive it if ground truth uses it (live test)."""
    node, ontology_id = _node(sandbox, request), request.path_params["ontology_id"]
    features = sandbox.store.feature_schemas
    names = {node["featureSchemaId"], node.get("name"), node.get("instructions")}
    is_used = any(
        line.get("schemaId", line.get("name")) in names
        for project_id in features.projects_of(ontology_id)
        for line in map(msgspec.json.decode, (label.line for label in sandbox.store.labels.entries(project_id)))
    )
    features.remove(ontology_id, node["featureSchemaId"], is_used=is_used)
    return JSONResponse({"archived": is_used, "deleted": not is_used})


def _unarchive_feature(sandbox: Sandbox, request: Request, _: bytes) -> Response:
    node = _node(sandbox, request)
    sandbox.store.feature_schemas.unarchive(request.path_params["ontology_id"], node["featureSchemaId"])
    return JSONResponse({"unarchived": True})


def _tree(sandbox: Sandbox, request: Request) -> dict[str, Any]:
    ontology = sandbox.store.ontologies.get(request.path_params["ontology_id"])
    if ontology is None:
        raise LookupError("Cannot find the ontology")
    return ontology.normalized


def _node(sandbox: Sandbox, request: Request) -> dict[str, Any]:
    """Return the tool or classification of an ontology that a request names."""
    tree, feature_id = _tree(sandbox, request), request.path_params["feature_id"]
    for node in (node for group in _GROUPS for node in tree[group]):
        if node["featureSchemaId"] == feature_id:
            found: dict[str, Any] = node
            return found
    raise LookupError(f"The ontology has no feature schema {feature_id}")


def _unknown(_: Sandbox, request: Request, __: bytes) -> Response:
    raise LookupError(f"the sandbox has no {request.method} at this address; see docs/reference/conformance.md")


def _feature(sandbox: Sandbox, request: Request) -> FeatureSchema:
    feature_id = request.path_params["feature_id"]
    feature = sandbox.store.feature_schemas.get(feature_id)
    if feature is None:
        raise LookupError(f"Cannot find root schema node with feature schema id {feature_id}")
    return feature


def _read(body: bytes, kind: type[Body]) -> Body:
    return msgspec.json.decode(body or b"{}", type=kind)


def _endpoint(handler: Handler, path: str) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that checks key and rate limit, logs the request, and answers errors in JSON."""

    async def endpoint(request: Request) -> Response:
        sandbox, key = sandbox_of(request), key_of(request)
        entry = sandbox.log.begin(key)
        entry.operation = f"{request.method} {path}"
        response = await _answer(handler, sandbox, request, key)
        sandbox.log.end(entry, response.status_code)
        return response

    return endpoint


async def _answer(handler: Handler, sandbox: Sandbox, request: Request, key: str) -> Response:
    try:
        refused = gate(sandbox, key)
        if refused is not None:
            return refused
        return await run_in_threadpool(handler, sandbox, request, await request.body())
    except GraphQLError as error:  # of the gate
        return JSONResponse({"message": error.message}, 401)
    except LookupError as error:
        return JSONResponse({"message": error.args[0]}, 404)
    except (NotPossible, ValueError) as error:
        return JSONResponse({"message": str(error)}, 400)


def _route(method: str, path: str, handler: Handler) -> Route:
    return Route(f"/api/v1{path}", _endpoint(handler, f"/api/v1{path}"), methods=[method])


ROUTES = [
    _route("GET", "/feature-schemas/unused", _unused_features),
    _route("PUT", "/feature-schemas/{feature_id}", _put_feature),
    _route("DELETE", "/feature-schemas/{feature_id}", _delete_feature),
    _route("PATCH", "/feature-schemas/{feature_id}/definition", _rename_feature),
    _route("GET", "/ontologies/unused", _unused_ontologies),
    _route("GET", "/ontologies/{ontology_id}", _show_ontology),
    _route("DELETE", "/ontologies/{ontology_id}", _delete_ontology),
    _route("POST", "/ontologies/{ontology_id}/feature-schemas/{feature_id}", _insert_feature),
    _route("DELETE", "/ontologies/{ontology_id}/feature-schemas/{feature_id}", _remove_feature),
    _route("PATCH", "/ontologies/{ontology_id}/feature-schemas/{feature_id}/unarchive", _unarchive_feature),
    Route(
        "/api/v1/{path:path}",
        _endpoint(_unknown, "/api/v1/*"),
        methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    ),
]
