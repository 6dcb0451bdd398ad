"""Metrics as Prometheus reads them."""

import re

import redis
from prometheus_client import CollectorRegistry, generate_latest

from prelabel_worker.cli.health.metrics import scrape_of
from tests.support.project import Project


def scraped(project: Project, client: "redis.Redis | None" = None) -> dict[str, float]:
    """Return the value of every sample, by its name and labels, as Prometheus reads them."""
    client, settings = client or project.client, project.settings
    registry = CollectorRegistry()
    registry.register(scrape_of(client, settings))
    return samples(generate_latest(registry).decode())


def samples(page: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"^([^#\s]\S*) (\S+)$", page, re.MULTILINE)}
