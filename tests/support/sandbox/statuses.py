"""Imports of ground truth, and their status lines."""

import json
from typing import Any

import httpx

from tests.support.sandbox.process import CREATE, SandboxProcess, data_of, ndjson, parsed

SET = "id name state progress inputFileUrl errorFileUrl statusFileUrl project { id }"


FIND = "query F($p: ID!, $n: String!) { labelImport(where: {projectId: $p, name: $n}) { %s } }" % SET  # noqa: UP031


def submit(sandbox: SandboxProcess, project: str, name: str, lines: list[dict[str, Any]]) -> httpx.Response:
    content = ndjson(lines)
    query = CREATE.replace("createModelAssistedLabelingPredictionImport", "createLabelImport")
    variables = {"p": project, "n": name, "f": None, "len": len(content)}
    return sandbox.http.post(
        f"{sandbox.url}/graphql",
        data={"operations": json.dumps({"query": query, "variables": variables}), "map": '{"1": ["variables.f"]}'},
        files={"1": ("a.ndjson", content, "application/x-ndjson")},
    )


def statuses(sandbox: SandboxProcess, project: str, name: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    data_of(submit(sandbox, project, name, lines))
    while (job := data_of(sandbox.ask(FIND, p=project, n=name))["labelImport"])["state"] == "RUNNING":
        pass
    return parsed(httpx.get(job["statusFileUrl"]).content)
