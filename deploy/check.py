"""Check the Dockerfile and the manifests by their schemas and our rules, then rehearse them: `make deploy-check`.

python -m deploy.check [--rules-only]
"""

import sys
import tempfile
from pathlib import Path

from deploy import compose, compose_rules, dockerfile_rules, image, kubernetes_rules, prometheus_rules
from deploy.finding import Finding
from deploy.image import Broken, Image
from deploy.rehearsal import Rehearsal

ROOT = Path(__file__).parents[1]
ENV_FILE = "deploy/sandbox.env"


def rules() -> list[Finding]:
    """Return the findings of the schemas and rules."""
    text = (ROOT / compose.FILE).read_text("utf-8")
    findings = compose.schema(text) + compose_rules.check(text, compose.env_file(ROOT / ENV_FILE))
    findings += kubernetes_rules.kustomizations(ROOT)
    for file, manifest in kubernetes_rules.manifests(ROOT).items():
        findings += kubernetes_rules.check(file, manifest)
    findings += dockerfile_rules.check((ROOT / dockerfile_rules.FILE).read_text("utf-8"), ROOT)
    linted = dockerfile_rules.hadolint(ROOT / dockerfile_rules.FILE)
    if linted is None:
        _say("not run: hadolint, which has no wheel for this machine; our own rules ran")
    alerts = prometheus_rules.promtool(ROOT)
    if alerts is None:
        _say("not run: promtool, of Debian's package prometheus")
    return findings + (linted or []) + (alerts or [])


def rehearse() -> list[Finding]:
    """Run the image's steps in a folder and its services as processes; return the first failure."""
    document = compose.read((ROOT / compose.FILE).read_text("utf-8"))
    filled = compose.filled(document, compose.env_file(ROOT / ENV_FILE))
    with tempfile.TemporaryDirectory(prefix="prelabel-image-") as folder:
        made = Image((ROOT / dockerfile_rules.FILE).read_text("utf-8"), ROOT, Path(folder))
        try:
            made.build()
            Rehearsal(made, filled, ROOT, Path(folder)).run()
        except Broken as broken:
            return [broken.finding]
    for step in made.not_run:
        _say(f"not run: {step}")
    _say(f"not run: an engine; Python {image.python_version()} stood for the base image")
    return []


def main() -> int:
    """Run the checks and print their findings; return 0 if there are none."""
    findings = rules()
    if not findings and "--rules-only" not in sys.argv:
        findings = rehearse()
    for finding in findings:
        _say(str(finding))
    _say(f"deploy: {len(findings)} findings" if findings else "deploy: rules, schemas and rehearsal pass")
    return 1 if findings else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
