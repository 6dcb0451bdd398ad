"""The rehearsal of `make deploy-check`: the image's steps in a folder, its services as processes, each thing broken."""

import os
import sys
from pathlib import Path

import pytest

from deploy import compose
from deploy.image import Broken, Image
from deploy.rehearsal import Rehearsal

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text("utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
VALUES = compose.env_file(ROOT / "deploy/sandbox.env")

STEPS = """FROM base:1.2.3 AS build
WORKDIR /source
COPY README.md docs ./
RUN mkdir -p /opt/thing && cp README.md /opt/thing/
FROM base:1.2.3
COPY --from=build /opt/thing /opt/thing
ENV PATH=/opt/thing/bin:$PATH
RUN useradd somebody
"""


def test_the_images_steps_are_done_in_a_folder(tmp_path: Path) -> None:
    image = Image(STEPS, ROOT, tmp_path)
    image.build()

    assert (tmp_path / "opt/thing/README.md").exists()
    assert not (tmp_path / "source").exists(), "the last stage has only what it copies"
    assert image.environment["PATH"].startswith(f"{tmp_path}/opt/thing/bin:{tmp_path}/base/bin:")
    assert image.not_run == ["Dockerfile:8: RUN useradd somebody"]


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("step-runs", "cp README.md", "cp CHANGELOG.md"),
        ("step-runs", "cp README.md", "cp architecture.md"),  # .dockerignore leaves docs out
        ("venv-stays", "/opt/thing /opt/thing", "/opt/thing /srv/thing"),
    ],
)
def test_a_step_that_fails_is_found(tmp_path: Path, rule: str, old: str, new: str) -> None:
    with pytest.raises(Broken) as caught:
        Image(STEPS.replace(old, new), ROOT, tmp_path).build()
    assert caught.value.finding.rule == rule


class ThisEnvironment(Image):
    """Use the environment of the tests in place of a built image."""

    def build(self) -> None:
        self.environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.folder.mkdir(parents=True, exist_ok=True)


BROKEN_SERVICES = [
    ("health-can-fail", "redis-cli ping | grep -q PONG", "true"),
    ("becomes-healthy", "requirepass $$REDISCLI_AUTH", "requirepass another"),
    ("becomes-healthy", "redis-cli ping | grep -q PONG", "redis-cli -a wrong ping | grep -q PONG"),
    ("becomes-healthy", "- noeviction", "- no-eviction"),
    ("becomes-healthy", '--port, "8970"', "--port, none"),
    ("command-exists", "[python, -m", "[python-of-nobody, -m"),
    ("wait", ', --public-url, "http://sandbox:8970"', ', --public-url, "http://127.0.0.1:1"'),
    ("wait", "http://sandbox:8970/graphql", "http://sandbox:8970/graph"),
    ("read-only", "--data, /var/lib/prelabel/sandbox", "--data, /home/prelabel/sandbox"),
    ("entrypoint", 'ENTRYPOINT ["prelabel"]', 'ENTRYPOINT ["false"]'),
    ("health-without-redis", '["prelabel", "healthy"]', '["true"]'),
    ("health-without-worker", '["prelabel", "healthy"]', '["prelabel", "status"]'),
    ("warm-stop", "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL"),
]


@pytest.mark.parametrize(("rule", "old", "new"), BROKEN_SERVICES)
def test_a_service_that_does_not_work_is_found(tmp_path: Path, rule: str, old: str, new: str) -> None:
    values = {name: value.replace(old, new) for name, value in VALUES.items()}
    text, dockerfile_text = COMPOSE.replace(old, new, 1), DOCKERFILE.replace(old, new, 1)
    assert (values, text, dockerfile_text) != (VALUES, COMPOSE, DOCKERFILE)
    image = ThisEnvironment(dockerfile_text, ROOT, tmp_path)
    image.build()
    patience = 4 if rule == "becomes-healthy" else 15  # on a busy machine only what must fail may fail
    with pytest.raises(Broken) as caught:
        Rehearsal(image, compose.filled(compose.read(text), values), ROOT, tmp_path, patience).run()
    assert caught.value.finding.rule == rule
