"""Check the manifests by Kubernetes' own strict schema and by the rules it shares with the compose file.

No schema of KEDA and of the Prometheus operator is in a package, so their two kinds are only checked for names of
metrics, by the tests of the alerts.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from deploy import compose_rules
from deploy.finding import Finding
from prelabel_worker.settings import SECRETS, Settings

FOLDERS = ("deploy/kubernetes/base", "deploy/kubernetes/components/bridge", "deploy/kubernetes/examples")
_KUSTOMIZATION = "kustomization.yaml"
_NOT_OF_KUBERNETES = ("monitoring.coreos.com/v1", "keda.sh/v1alpha1")
_PROBES = ("livenessProbe", "readinessProbe")
VERSION = "1.31"
"""The oldest Kubernetes version whose schema it must fit."""


def manifests(root: Path) -> dict[str, str]:
    """Return the manifests by file, without the kustomizations."""
    files = [file for folder in FOLDERS for file in sorted((root / folder).glob("*.yaml"))]
    return {str(file.relative_to(root)): file.read_text("utf-8") for file in files if file.name != _KUSTOMIZATION}


def kustomizations(root: Path) -> list[Finding]:
    """Return the resources of kustomizations that do not exist, and manifests that none of them lists."""
    findings = []
    for folder in FOLDERS:
        file = f"{folder}/{_KUSTOMIZATION}"
        content = yaml.safe_load((root / file).read_text("utf-8"))
        listed = content["resources"]
        there = {path.name for path in (root / folder).glob("*.yaml")} - {_KUSTOMIZATION}
        generated = [name for made in content.get("configMapGenerator", ()) for name in made["files"]]
        for name in (*listed, *content.get("components", ()), *generated):
            if not (root / folder / name).exists():
                findings.append(Finding(file, "resource-exists", name, "a file or a folder"))
        for name in sorted(there - set(listed)):
            findings.append(Finding(file, "resource-listed", f"no {name}", "every manifest of the folder"))
    return findings


def check(file: str, text: str) -> list[Finding]:
    """Return everything that is wrong with a manifest."""
    try:
        documents = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError as error:
        return [Finding(file, "readable", str(error), "YAML")]
    return [finding for document in documents for rule in (_schema, _containers) for finding in rule(file, document)]


def _schema(file: str, document: dict[str, Any]) -> Iterator[Finding]:
    if document.get("apiVersion") in _NOT_OF_KUBERNETES:
        return
    try:
        kubernetes_validate.validate(document, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(str(part) for part in error.path)
        yield Finding(file, "kubernetes-schema", f"{path}: {error.message}", f"the schema of Kubernetes {VERSION}")


def _containers(file: str, document: dict[str, Any]) -> Iterator[Finding]:
    pod = document.get("spec", {}).get("template", {}).get("spec", {})
    known = compose_rules.KNOWN_SETTINGS
    if document.get("kind") == "ConfigMap":
        yield from _plain(file, document)
    for container in pod.get("containers", ()):
        name = container.get("name", "")
        for variable in (entry.get("name", "") for entry in container.get("env", ())):
            if variable.startswith("PRELABEL_") and variable not in known:
                yield Finding(file, "known-setting", f"{name}: {variable}", "a setting of docs/reference/settings.md")
        yield from compose_rules.no_secret_in(file, name, [*container.get("command", ()), *container.get("args", ())])
        yield from compose_rules.flags(file, name, ["prelabel", *container.get("args", ())])
        command = container.get("args", ("",))[0]
        if command in ("metrics", "console", "gateway"):
            yield from _pages(file, name, container, command)
        elif command == "bridge":
            yield from _bridge(file, name, container)
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


def _pages(file: str, name: str, container: dict[str, Any], command: str) -> Iterator[Finding]:
    for probe in _PROBES:
        if not {"httpGet", "tcpSocket"} & set(container.get(probe, {})):
            yield Finding(file, f"{command}-answer", f"{name}: {probe} {container.get(probe)}", "httpGet or tcpSocket")
    if command != "console" and any("API_KEY" in entry.get("name", "") for entry in container.get("env", ())):
        yield Finding(file, f"{command}-without-key", f"{name}: an API key", "none: it sends nothing to Labelbox")


def _bridge(file: str, name: str, container: dict[str, Any]) -> Iterator[Finding]:
    words = " ".join(container.get("livenessProbe", {}).get("exec", {}).get("command", ()))
    written = dict(pairwise(container["args"])).get("--metrics")
    if written is None or written not in words:
        yield Finding(file, "bridge-is-alive", f"{name}: livenessProbe {words}", "a test of the file of --metrics")
    if any("API_KEY" in entry.get("name", "") for entry in container.get("env", ())):
        yield Finding(file, "bridge-without-key", f"{name}: an API key", "none: it sends nothing to Labelbox")


def _plain(file: str, document: dict[str, Any]) -> Iterator[Finding]:
    """Find what is no setting, or a secret, in a ConfigMap."""
    secrets = {f"PRELABEL_{name.upper()}" for name in SECRETS}
    for variable in document.get("data", {}):
        if variable not in compose_rules.KNOWN_SETTINGS:
            yield Finding(file, "known-setting", variable, "a setting of docs/reference/settings.md")
        if variable in secrets:
            yield Finding(file, "no-secret", variable, "a file of a Secret")
