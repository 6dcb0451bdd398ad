"""Check the alerts with promtool, where it is installed: that Prometheus accepts them, and that their tests pass."""

import shutil
import subprocess
from pathlib import Path

from deploy.finding import Finding

FOLDER = "deploy/prometheus"
COMMANDS = (
    ("check", "config", "prometheus.yaml"),
    ("check", "rules", "rules.yaml"),
    ("test", "rules", "rules_test.yaml"),
    ("test", "rules", "rules_test_hours.yaml"),
)


def promtool(root: Path) -> list[Finding] | None:
    """Return what promtool finds; None if it is not installed."""
    program = shutil.which("promtool")
    if program is None:
        return None
    findings = []
    for words in COMMANDS:
        done = subprocess.run(  # noqa: S603 - our own files
            [program, *words], cwd=root / FOLDER, capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode:
            output = (done.stdout + done.stderr).strip()
            findings.append(Finding(f"{FOLDER}/{words[-1]}", f"promtool {words[0]}", output, "a clean run"))
    return findings
