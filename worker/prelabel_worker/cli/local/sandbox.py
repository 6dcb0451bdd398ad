"""`prelabel sandbox`: start the local Labelbox, and make projects in it over HTTP."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import httpx
import orjson
import typer

from prelabel.printing import command
from prelabel.text_input import read_text
from prelabel_worker.cli.shared.terminal import USAGE, AsJson, ServiceAway, out, print_line, say
from prelabel_worker.stack import stack_file

_JSON = {"Content-Type": "application/json"}


def run(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.")] = 8970,
    data: Annotated[Path, typer.Option(help="Folder of the sandbox's state.")] = Path(".prelabel/sandbox"),
    api_key: Annotated[
        str | None, typer.Option(help="The only API key that it accepts (or SANDBOX_API_KEY); else any key.")
    ] = None,
    allowed_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name under which others reach it; may be repeated.")
    ] = None,
    assets: Annotated[Path | None, typer.Option(help="Folder whose files it serves at /assets/.")] = None,
) -> None:
    """Run the sandbox in the foreground; it prints its address.

    Example: prelabel sandbox run --port 8970
    """
    if find_spec("prelabel_sandbox") is None or find_spec("ariadne") is None:
        say("the sandbox needs its extra: pip install 'prelabel[sandbox]'")
        raise typer.Exit(USAGE)
    command = [sys.executable, "-m", "prelabel_sandbox", "--host", host, "--port", str(port), "--data", str(data)]
    command += [part for name in allowed_host or () for part in ("--allowed-host", name)]
    command += ["--assets", str(assets)] if assets else []
    # The key is passed in the environment, since everybody on the machine can read a command line.
    environment = dict(os.environ) | ({"SANDBOX_API_KEY": api_key} if api_key else {})
    os.execve(sys.executable, command, environment)  # noqa: S606 - it takes over this process and its signals


def project(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help='JSON, or -: {"id", "name", "mediaType", "ontology", "dataRows"}.')
    ],
    url: Annotated[str | None, typer.Option(help="The sandbox's address; else that of the running stack.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create a project in the sandbox, or replace its ontology and data rows.

    Example: prelabel sandbox project examples/project.json
    """
    try:
        body = read_text(file)
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        say(f"{file}: {error}")
        raise typer.Exit(USAGE) from None
    answer = put_project(url or sandbox_url(), body)
    if as_json:
        out(answer)
    else:
        print_line(f"project {answer['id']} is in the sandbox")


def sandbox_url() -> str:
    """Return the address of the running stack's sandbox. Raises ServiceAway."""
    stack = stack_file.read()
    if stack is None:
        raise ServiceAway(f"no stack runs here: `{command('up')}` starts one")
    return stack.sandbox_url


def put_project(url: str, body: bytes) -> dict[str, object]:
    """Create or replace a project. Raises ServiceAway, or exits with code 2 and the sandbox's words."""
    try:
        answer = httpx.post(f"{url}/_sandbox/projects", content=body, headers=_JSON, timeout=30, trust_env=False)
    except httpx.HTTPError as error:
        raise ServiceAway(f"the sandbox at {url} does not answer ({type(error).__name__})") from None
    if answer.status_code != 200:
        say(f"the sandbox refuses the project: {answer.text}")
        raise typer.Exit(USAGE)
    project_fields: dict[str, object] = answer.json()
    return project_fields
