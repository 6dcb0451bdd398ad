"""Check the example manifest by Kubernetes' own strict schema and by the rules it shares with the compose file."""

from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import yaml

from deploy import compose_rules
from deploy.finding import Finding
from prelabel_worker.settings import Settings

FILE = "deploy/kubernetes/worker.yaml"
VERSION = "1.31"
"""The oldest Kubernetes version whose schema it must fit."""


def check(text: str) -> list[Finding]:
    """Return everything that is wrong with a manifest."""
    try:
        documents = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError as error:
        return [Finding(FILE, "readable", str(error), "YAML")]
    return [finding for document in documents for rule in (_schema, _containers) for finding in rule(document)]


def _schema(document: dict[str, Any]) -> Iterator[Finding]:
    try:
        kubernetes_validate.validate(document, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(str(part) for part in error.path)
        yield Finding(FILE, "kubernetes-schema", f"{path}: {error.message}", f"the schema of Kubernetes {VERSION}")


def _containers(document: dict[str, Any]) -> Iterator[Finding]:
    pod = document.get("spec", {}).get("template", {}).get("spec", {})
    known = {f"PRELABEL_{name.upper()}" for name in Settings.model_fields}
    for container in pod.get("containers", ()):
        name = container.get("name", "")
        for variable in (entry.get("name", "") for entry in container.get("env", ())):
            if variable.startswith("PRELABEL_") and variable not in known:
                yield Finding(FILE, "known-setting", f"{name}: {variable}", "a setting of docs/reference/settings.md")
        yield from compose_rules.no_secret_in(FILE, name, [*container.get("command", ()), *container.get("args", ())])
        yield from compose_rules.flags(FILE, name, ["prelabel", *container.get("args", ())])
        for probe in ("livenessProbe", "readinessProbe"):
            words = container.get(probe, {}).get("exec", {}).get("command", ())
            if not any("prelabel healthy" in text for text in (" ".join(words), *words)):
                yield Finding(FILE, "health-is-progress", f"{name}: {probe} {list(words)}", "prelabel healthy")
    least = Settings.model_fields["request_timeout_seconds"].default
    if pod and pod.get("terminationGracePeriodSeconds", 30) <= least:
        grace = pod.get("terminationGracePeriodSeconds", "the default of 30")
        yield Finding(FILE, "stop-grace", str(grace), f"more than {least} s, a warm stop")
