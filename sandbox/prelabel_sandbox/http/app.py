"""The ASGI application: its routes, and a sandbox that lives as long as the application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from prelabel_sandbox.http.control import ROUTES
from prelabel_sandbox.http.files import answer_export, answer_file, answer_upload
from prelabel_sandbox.http.graphql import answer_graphql
from prelabel_sandbox.http.rest import ROUTES as REST
from prelabel_sandbox.origins import Guard, Names
from prelabel_sandbox.pages import ROUTES as PAGES
from prelabel_sandbox.pages import answer_unknown
from prelabel_sandbox.resolvers import make_schema
from prelabel_sandbox.sandbox import Sandbox


def make_app(sandbox: Sandbox, names: Names) -> Starlette:
    """Return the application, which starts and stops the sandbox and answers requests to these names only."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sandbox.start()
        try:
            yield
        finally:
            sandbox.stop()

    routes = [
        Route("/graphql", answer_graphql, methods=["POST"]),
        Route("/_gql", answer_graphql, methods=["POST"]),
        Route("/files/{secret}/{file}.ndjson", answer_file),
        Route("/exports/{secret}/{number}.ndjson", answer_export),
        Route("/uploads/{secret}", answer_upload),
        *REST,
        *ROUTES,
        *PAGES,
    ]
    unknown = {404: answer_unknown, 405: answer_unknown}
    guard = Middleware(Guard, names=names)
    app = Starlette(routes=routes, lifespan=lifespan, middleware=[guard], exception_handlers=unknown)
    app.state.sandbox = sandbox
    app.state.schema = make_schema()
    return app
