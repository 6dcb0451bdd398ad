"""Each rule of `make deploy-check` sees what it is there for: our files pass, one broken thing at a time is found."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from deploy import compose, compose_rules, dockerfile, dockerfile_rules, kubernetes_rules
from deploy.finding import Finding
from prelabel.mapping import read_mapping

ROOT = Path(__file__).parents[3]
COMPOSE = (ROOT / "docker-compose.yml").read_text("utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
MANIFESTS = kubernetes_rules.manifests(ROOT)
BASE = "deploy/kubernetes/base"
WORKER, METRICS, SETTINGS = (f"{BASE}/{name}.yaml" for name in ("submit", "metrics", "settings"))
COMPONENT = "deploy/kubernetes/components/bridge"
BRIDGE = f"{COMPONENT}/bridge.yaml"
VALUES = compose.env_file(ROOT / "deploy/sandbox.env")


def broken(text: str, old: str, new: str) -> str:
    assert old in text, f"{old!r} is not there to be broken"
    return text.replace(old, new, 1)


def rules(found: list[Finding]) -> set[str]:
    return {each.rule for each in found}


def test_our_files_keep_every_rule() -> None:
    found = compose.schema(COMPOSE) + compose_rules.check(COMPOSE, VALUES)
    found += kubernetes_rules.kustomizations(ROOT)
    found += [finding for file, text in MANIFESTS.items() for finding in kubernetes_rules.check(file, text)]
    assert found + dockerfile_rules.check(DOCKERFILE) == []
    assert not dockerfile_rules.hadolint(ROOT / "Dockerfile")


def test_a_finding_says_where_which_rule_what_and_what_instead() -> None:
    (found,) = compose_rules.check(broken(COMPOSE, "- always\n", "- everysec\n"), VALUES)
    assert str(found) == (
        "docker-compose.yml: redis-keeps-rows: found redis: --appendfsync everysec; expected --appendfsync always"
    )


BROKEN_COMPOSE = {
    "on-this-machine": [('["127.0.0.1:${CONSOLE_PORT:-8980}:8980"]', '["8980:8980"]')],
    "pinned-image": [("prom/prometheus:v2.53.2", "prom/prometheus"), ("grafana:11.2.0", "grafana:latest")],
    "redis-keeps-rows": [
        ("- noeviction", "- allkeys-lru"),
        ('--appendonly\n      - "yes"', '--appendonly\n      - "no"'),
        ("      - --appendfsync\n      - always\n", ""),
    ],
    "redis-options": [("      - --maxmemory\n      - ${REDIS_MAXMEMORY:-1gb}\n", "")],
    "redis-password": [("        requirepass $$REDISCLI_AUTH\n", ""), ("requirepass $$REDISCLI_AUTH", "requirepass x")],
    "no-secret-on-command-line": [
        (
            "      - --appendonly\n",
            "      - --requirepass\n      - ${REDIS_PASSWORD:?set REDIS_PASSWORD}\n      - --appendonly\n",
        ),
        ("requirepass $$REDISCLI_AUTH", "requirepass ${REDIS_PASSWORD:?set REDIS_PASSWORD}"),
        ("requirepass $$REDISCLI_AUTH", "requirepass $$$REDIS_PASSWORD"),
        ("redis-cli ping |", "redis-cli -u redis://:$$REDISCLI_AUTH@localhost ping |"),
        ('command: [worker, --concurrency, "2"]', 'command: [worker, --api-key, "k3y"]'),
        ("entrypoint: [python, -m", "entrypoint: [python, $PRELABEL_LABELBOX_API_KEY, -m"),
    ],
    "redis-not-published": [("      - redis:/data\n", '      - redis:/data\n    ports: ["6379:6379"]\n')],
    "redis-volume": [("      - redis:/data\n", "      - redis:/elsewhere\n")],
    "redis-memory": [("REDIS_MAXMEMORY:-1gb", "REDIS_MAXMEMORY:-1800m")],
    "redis": [("\n  redis:\n    <<", "\n  valkey:\n    <<")],
    "no-secret": [
        ("REDISCLI_AUTH: ${REDIS_PASSWORD:?set REDIS_PASSWORD}", "REDISCLI_AUTH: hunter22"),
        ("API_KEY: ${PRELABEL_LABELBOX_API_KEY:?set PRELABEL_LABELBOX_API_KEY}", "API_KEY: ${KEY:-a-default-key}"),
        ("redis://:${REDIS_PASSWORD:?set REDIS_PASSWORD}@", "redis://:hunter22@"),
    ],
    "restart": [("  restart: unless-stopped\n", "")],
    "read-only": [("  read_only: true\n", "")],
    "capabilities": [("  cap_drop: [ALL]\n", "")],
    "no-new-privileges": [('  security_opt: ["no-new-privileges:true"]\n', "")],
    "isolated": [("  init: true\n", "  privileged: true\n"), ("  init: true\n", "  network_mode: host\n")],
    "limits": [('{cpus: "2", memory: 1G, pids: 200}', '{cpus: "2", memory: 1G}')],
    "log-rotation": [('    options: {max-size: 10m, max-file: "5"}\n', "")],
    "healthcheck": [('test: [CMD-SHELL, "redis-cli ping | grep -q PONG"]', "disable: true")],
    "health-is-progress": [("test: [CMD, prelabel, healthy]", "test: [CMD, pgrep, celery]")],
    "bridge-is-alive": [
        ("find /tmp/bridge.prom", "find /tmp/other.prom"),
        ("      - --metrics\n      - /tmp/bridge.prom\n", ""),
    ],
    "bridge-without-key": [("PRELABEL_BRIDGE_REDIS_URL:\n", "PRELABEL_LABELBOX_API_KEY: ${REDIS_PASSWORD:?x}\n")],
    "stop-grace": [
        ("stop_grace_period: 90s", "stop_grace_period: 60s"),
        ("  stop_grace_period: 90s\n", ""),
        ("    PRELABEL_LOG_LEVEL:", "    PRELABEL_REQUEST_TIMEOUT_SECONDS: 300\n    PRELABEL_LOG_LEVEL:"),
    ],
    "metrics": [("command: [metrics, --host", "command: [status, --host")],
    "metrics-on-this-machine": [('ports: ["127.0.0.1:${METRICS_PORT', 'ports: ["${METRICS_PORT')],
    "metrics-answer": [("9464/metrics', timeout", "9464/', timeout")],
    "metrics-without-key": [
        (
            "      PRELABEL_REDIS_URL: *redis-url",
            "      PRELABEL_LABELBOX_API_KEY: ${PRELABEL_LABELBOX_API_KEY:?set it}",
        ),
    ],
    "known-setting": [("    PRELABEL_LOG_LEVEL:", "    PRELABEL_LOGLEVEL:")],
    "known-flag": [('command: [worker, --concurrency, "2"]', 'command: [worker, --processes, "2"]')],
    "known-command": [('command: [worker, --concurrency, "2"]', 'command: [work, --concurrency, "2"]')],
    "readable": [
        ("services:\n", "services: [\n"),
        ("${REDIS_PASSWORD:?set", "${ANOTHER:?set"),
        ("period: 90s", "period: soon"),
    ],
}


@pytest.mark.parametrize(
    ("rule", "old", "new"), [(rule, *pair) for rule, pairs in BROKEN_COMPOSE.items() for pair in pairs]
)
def test_a_broken_compose_file_is_found(rule: str, old: str, new: str) -> None:
    assert rule in rules(compose_rules.check(broken(COMPOSE, old, new), VALUES))


@pytest.mark.parametrize(
    ("old", "new"),
    [("restart: unless", "restrat: unless"), ("retries: 10", "retries: [10]"), ("services:", "servces:")],
)
def test_a_mistake_against_the_compose_specification_is_found(old: str, new: str) -> None:
    assert rules(compose.schema(broken(COMPOSE, old, new))) == {"compose-schema"}


BROKEN_DOCKERFILE = {
    "base-pinned": [
        ("python:3.12.12-slim-bookworm\n\n", "python:latest\n\n"),
        ("FROM ${BASE}\nARG", "FROM python\nARG"),
    ],
    "user-not-root": [("USER 10001:10001\n", ""), ("USER 10001:10001", "USER root"), ("USER 10001:10001", "USER 0:0")],
    "health-is-progress": [('CMD ["prelabel", "healthy"]', 'CMD ["pgrep", "celery"]'), ("HEALTHCHECK ", "LABEL x=")],
    "stop-signal": [("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL"), ("STOPSIGNAL SIGTERM\n", "")],
    "pip-options": [("--constraint constraints.txt ", "")],
    "no-secret": [
        ("PRELABEL_LOG_FORMAT=json", "PRELABEL_LABELBOX_API_KEY=abc"),
        ("ARG VERSION=0.1.0", "ARG REDIS_PASSWORD"),
    ],
    "two-stages": [("FROM ${BASE}\nARG", "ARG")],
    "readable": [("RUN useradd", "RUN <<END useradd")],
    "no-build-tools": [("RUN useradd", "RUN pip install --no-cache-dir wheel && useradd")],
}


@pytest.mark.parametrize(
    ("rule", "old", "new"), [(rule, *pair) for rule, pairs in BROKEN_DOCKERFILE.items() for pair in pairs]
)
def test_a_broken_dockerfile_is_found(rule: str, old: str, new: str) -> None:
    assert rule in rules(dockerfile_rules.check(broken(DOCKERFILE, old, new)))


def test_findings_of_hadolint_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    broken_file = broken(DOCKERFILE, "RUN useradd", "RUN cd /tmp && sudo useradd")
    broken_file = broken(broken_file, " --no-cache-dir", "")
    broken_file = broken(broken_file, 'ENTRYPOINT ["prelabel"]', "ENTRYPOINT prelabel")
    file.write_text(broken(broken_file, "COPY worker worker", "ADD worker worker"))
    found = dockerfile_rules.hadolint(file)
    if found is None:
        pytest.skip("hadolint has no wheel for this machine")
    codes = ("DL3003", "DL3004", "DL3020", "DL3025", "DL3042")
    assert rules(found) == {f"hadolint {code}" for code in codes}


BROKEN_MANIFEST = {
    "kubernetes-schema": [("replicas: 2", "replicsa: 2"), ("replicas: 2", "replicas: two")],
    "known-setting": [("PRELABEL_REDIS_URL_FILE", "PRELABEL_REDIS_FILE")],
    "known-flag": [("--concurrency", "--processes")],
    "no-secret-on-command-line": [
        ('args: [worker, --role, submit, --concurrency, "1"]', "args: [worker, --name, $(REDIS_PASSWORD)]")
    ],
    "health-is-progress": [("prelabel healthy || [ $? -eq 4 ]", "pgrep celery"), ("command: [prelabel, healthy]", "")],
    "stop-grace": [("GracePeriodSeconds: 90", "GracePeriodSeconds: 60"), ("terminationGracePeriodSeconds: 90", "")],
    "readable": [("metadata:\n", "metadata: [\n")],
}


@pytest.mark.parametrize(
    ("rule", "old", "new"), [(rule, *pair) for rule, pairs in BROKEN_MANIFEST.items() for pair in pairs]
)
def test_a_broken_manifest_is_found(rule: str, old: str, new: str) -> None:
    assert rule in rules(kubernetes_rules.check(WORKER, broken(MANIFESTS[WORKER], old, new)))


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("metrics-answer", "tcpSocket: {port: metrics}", "exec: {command: [prelabel, healthy]}"),
        ("metrics-without-key", "name: PRELABEL_REDIS_URL_FILE", "name: PRELABEL_LABELBOX_API_KEY_FILE"),
        ("known-flag", "args: [metrics, --host", "args: [metrics, --address"),
        ("kubernetes-schema", "targetPort: metrics", "targetPort: [metrics]"),
    ],
)
def test_a_broken_manifest_of_metrics_is_found(rule: str, old: str, new: str) -> None:
    assert rule in rules(kubernetes_rules.check(METRICS, broken(MANIFESTS[METRICS], old, new)))


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("bridge-is-alive", "find /tmp/bridge.prom", "find /tmp/other.prom"),
        ("bridge-is-alive", "            - --metrics\n            - /tmp/bridge.prom\n", ""),
        ("bridge-without-key", "name: PRELABEL_REDIS_URL_FILE", "name: PRELABEL_LABELBOX_API_KEY_FILE"),
        ("known-flag", "- --bad-records", "- --bad-rows"),
        ("known-command", "- redis\n", "- rediss\n"),
    ],
)
def test_a_broken_manifest_of_a_bridge_is_found(rule: str, old: str, new: str) -> None:
    assert rule in rules(kubernetes_rules.check(BRIDGE, broken(MANIFESTS[BRIDGE], old, new)))


def test_a_file_of_a_component_that_is_missing_is_found(tmp_path: Path) -> None:
    for folder in kubernetes_rules.FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / COMPONENT / "mapping.toml").unlink()

    assert [finding.found for finding in kubernetes_rules.kustomizations(tmp_path)] == ["mapping.toml"]


@pytest.mark.parametrize("file", ["deploy/bridge/mapping.toml", f"{COMPONENT}/mapping.toml"])
def test_the_mapping_of_a_bridge_reads_the_record_of_the_guide(file: str) -> None:
    record = {"image": "cam-1/000184.jpg", "boxes": [{"class": "boat", "score": 0.9, "at": [10, 20, 60, 80]}]}

    (made,) = read_mapping(ROOT / file).apply(record)

    assert (made["projectId"], made["dataRow"]) == ("demo-project", {"globalKey": "cam-1/000184.jpg"})
    assert made["annotations"][0]["name"] == "boat"


def test_the_extras_of_the_image_exist() -> None:
    extras = re.findall(r"^ARG EXTRAS=(\S+)$", DOCKERFILE, re.MULTILINE)[0].split(",")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]

    assert {"console", "gateway", "kafka", "nats", "sandbox"} == set(extras) & set(declared) == set(extras)


@pytest.mark.parametrize(
    ("rule", "new"), [("no-secret", "PRELABEL_REDIS_URL:"), ("known-setting", "PRELABEL_REQUESTS_A_MINUTE:")]
)
def test_a_secret_among_the_settings_is_found(rule: str, new: str) -> None:
    text = broken(MANIFESTS[SETTINGS], "PRELABEL_REQUESTS_PER_MINUTE:", new)

    assert rules(kubernetes_rules.check(SETTINGS, text)) == {rule}


def test_a_manifest_that_no_kustomization_lists_and_one_that_is_missing_are_found(tmp_path: Path) -> None:
    for folder in kubernetes_rules.FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / BASE / "poll.yaml").rename(tmp_path / BASE / "polls.yaml")

    assert rules(kubernetes_rules.kustomizations(tmp_path)) == {"resource-exists", "resource-listed"}


def test_variables_are_filled_in_as_compose_does() -> None:
    values = {"A": "a", "EMPTY": ""}
    text = "${A} $A ${B:-b} ${EMPTY:-e} ${EMPTY-e} ${A:?why} $${A} ${B}"
    assert compose.filled({"x": [text]}, values) == {"x": ["a a b e  a ${A} "]}
    with pytest.raises(compose.ComposeError, match="EMPTY is not set: why"):
        compose.filled("${EMPTY:?why}", values)


def test_continued_lines_are_one_instruction_and_stages_are_counted() -> None:
    found = dockerfile.parse("ARG A=1\nFROM x AS y\n# no\nRUN a \\\n # no\n && b\nFROM z\nCOPY --from=y /p /q\n")
    assert [(each.stage, each.name) for each in found] == [
        (-1, "ARG"),
        (0, "FROM"),
        (0, "RUN"),
        (1, "FROM"),
        (1, "COPY"),
    ]
    assert found[2].text == "a && b"
    assert (found[4].options, found[4].words) == ({"from": "y"}, ["/p", "/q"])
