"""The gateway does what its OpenAPI document says, asked by schemathesis."""

import subprocess
import sys
from pathlib import Path

from tests.support.gateway import TOKEN, RunningGateway


def test_answers_are_those_of_the_document(gateway: RunningGateway, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{gateway.url}/openapi.json"]
    command += ["--header", f"Authorization: Bearer {TOKEN}", "--max-examples", "4", "--seed", "1", "--no-color"]
    command += [
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
    ]
    command += ["--phases", "examples,coverage,fuzzing", "--exclude-checks", "unsupported_method"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False, cwd=tmp_path)

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
