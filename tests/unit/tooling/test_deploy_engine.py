"""`make deploy-test` where no engine can be started: it says what is missing, and is no failure."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.engine"],
        cwd=ROOT,
        env=os.environ | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("deploy-test: skipped, since no container engine can be started here: ")
    assert "dockerd" in done.stdout or "root" in done.stdout or "Linux" in done.stdout
