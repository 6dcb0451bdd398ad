"""Check the Dockerfile and the manifests by their schemas, hadolint and our rules: `make deploy-check`.

Whether they work, only a container engine can say: `make deploy-test`.
"""

import sys
from pathlib import Path

from deploy import compose, compose_rules, dockerfile_rules, kubernetes_rules, prometheus_rules, systemd_units
from deploy.finding import Finding

ROOT = Path(__file__).parents[1]


def rules() -> list[Finding]:
    """Return the findings of the schemas and rules."""
    text = (ROOT / compose.FILE).read_text("utf-8")
    findings = compose.schema(text) + compose_rules.check(text, compose.env_file(ROOT / compose.ENV_FILE))
    findings += kubernetes_rules.kustomizations(ROOT)
    for file, manifest in kubernetes_rules.manifests(ROOT).items():
        findings += kubernetes_rules.check(file, manifest)
    findings += dockerfile_rules.check((ROOT / dockerfile_rules.FILE).read_text("utf-8"))
    linted = dockerfile_rules.hadolint(ROOT / dockerfile_rules.FILE)
    if linted is None:
        _say("not run: hadolint, which has no wheel for this machine; our own rules ran")
    for file, unit in systemd_units.units(ROOT).items():
        findings += systemd_units.check(file, unit)
    verified = systemd_units.verify(ROOT)
    if verified is None:
        _say("not run: systemd-analyze, which is not on this machine")
    alerts = prometheus_rules.promtool(ROOT)
    if alerts is None:
        _say("not run: promtool, of Debian's package prometheus")
    return findings + (linted or []) + (verified or []) + (alerts or [])


def main() -> int:
    """Run the checks and print their findings; return 0 if there are none."""
    findings = rules()
    for finding in findings:
        _say(str(finding))
    _say(f"deploy: {len(findings)} findings" if findings else "deploy: rules and schemas pass")
    return 1 if findings else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
