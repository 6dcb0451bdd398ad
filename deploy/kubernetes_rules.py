"""Check the example manifests by Kubernetes' own strict schema and by the rules it shares with the compose file."""

from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import yaml

from deploy import compose_rules
from deploy.finding import Finding
from prelabel_worker.settings import Settings

FILES = ("deploy/kubernetes/worker.yaml", "deploy/kubernetes/metrics.yaml")
_PROBES = ("livenessProbe", "readinessProbe")
VERSION = "1.31"
"""The oldest Kubernetes version whose schema it must fit."""


def check(file: str, text: str) -> list[Finding]:
    """Return everything that is wrong with a manifest."""
    try:
        documents = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError as error:
        return [Finding(file, "readable", str(error), "YAML")]
    return [finding for document in documents for rule in (_schema, _containers) for finding in rule(file, document)]


def _schema(file: str, document: dict[str, Any]) -> Iterator[Finding]:
    try:
        kubernetes_validate.validate(document, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(str(part) for part in error.path)
        yield Finding(file, "kubernetes-schema", f"{path}: {error.message}", f"the schema of Kubernetes {VERSION}")


def _containers(file: str, document: dict[str, Any]) -> Iterator[Finding]:
    pod = document.get("spec", {}).get("template", {}).get("spec", {})
    known = {f"PRELABEL_{name.upper()}" for name in Settings.model_fields}
    for container in pod.get("containers", ()):
        name = container.get("name", "")
        for variable in (entry.get("name", "") for entry in container.get("env", ())):
            if variable.startswith("PRELABEL_") and variable not in known:
                yield Finding(file, "known-setting", f"{name}: {variable}", "a setting of docs/reference/settings.md")
        yield from compose_rules.no_secret_in(file, name, [*container.get("command", ()), *container.get("args", ())])
        yield from compose_rules.flags(file, name, ["prelabel", *container.get("args", ())])
        if "metrics" in container.get("args", ())[:1]:
            yield from _metrics(file, name, container)
        else:
            yield from _progress(file, name, container)
            yield from _warm_stop(file, pod)


def _progress(file: str, name: str, container: dict[str, Any]) -> Iterator[Finding]:
    for probe in _PROBES:
        words = container.get(probe, {}).get("exec", {}).get("command", ())
        if not any("prelabel healthy" in text for text in (" ".join(words), *words)):
            yield Finding(file, "health-is-progress", f"{name}: {probe} {list(words)}", "prelabel healthy")


def _warm_stop(file: str, pod: dict[str, Any]) -> Iterator[Finding]:
    least = Settings.model_fields["request_timeout_seconds"].default
    if pod.get("terminationGracePeriodSeconds", 30) <= least:
        grace = pod.get("terminationGracePeriodSeconds", "the default of 30")
        yield Finding(file, "stop-grace", str(grace), f"more than {least} s, a warm stop")


def _metrics(file: str, name: str, container: dict[str, Any]) -> Iterator[Finding]:
    for probe in _PROBES:
        if not {"httpGet", "tcpSocket"} & set(container.get(probe, {})):
            yield Finding(file, "metrics-answer", f"{name}: {probe} {container.get(probe)}", "httpGet or tcpSocket")
    if any("API_KEY" in entry.get("name", "") for entry in container.get("env", ())):
        yield Finding(file, "metrics-without-key", f"{name}: an API key", "none: it sends nothing to Labelbox")
