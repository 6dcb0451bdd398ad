"""Write the pages below docs/reference that are made from code: settings, reasons, metrics, checks, API, schemas.

python docs/make_tables.py [--check]
"""

import re
import sys
from pathlib import Path

from make_api import python_api
from make_matrix import matrix
from make_schemas import FOLDER, schemas, slug
from pydantic import SecretStr
from pydantic.alias_generators import to_camel

from prelabel import errors
from prelabel.annotations.kinds import KINDS, MEDIA_TYPES
from prelabel.wire.redis_url import ConnectionOptions, expected
from prelabel_worker.doctor.findings import Check
from prelabel_worker.queries.file_metrics import FileName
from prelabel_worker.queries.metrics import Name
from prelabel_worker.settings import SECRETS, Settings

HERE = Path(__file__).parent / "reference"


def settings() -> str:
    """Return the page of settings."""
    lines = [
        "# Settings",
        "",
        "Read at the start, from the environment and from `.env` in the working folder. A setting is taken whole from "
        "the first of them that has it; an endpoint and its keys must be in the same one. All problems are reported "
        "in one message. Made from `prelabel_worker/settings.py` by `make format`.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        default = "" if value in (None, "") else f"`{value}`"
        lines.append(f"| `PRELABEL_{name.upper()}` | {default} | {field.description} |")
    lines += [
        "",
        "## Secrets in files",
        "",
        "These may be in a file, as container engines, Kubernetes and systemd provide them. Set the variable with "
        "`_FILE` behind its name to the file's path, such as "
        "`PRELABEL_LABELBOX_API_KEY_FILE=/run/secrets/labelbox-api-key`, and leave the variable itself unset or empty. "
        "The file has the value in UTF-8; a line break at its end is ignored. It is read at the start; files of API "
        "keys are read again when they change "
        "([replace an API key](../how-to/run-in-production.md#replace-an-api-key)).",
        "",
        *(f"- `PRELABEL_{name.upper()}_FILE`" for name in SECRETS),
        "",
        "## Options of a URL",
        "",
        "These may follow `?` in the URL of a Redis, for publishers, workers, Celery's broker and commands alike, and "
        "mean the same everywhere; any other is refused. A RabbitMQ broker takes those that begin with "
        "`ssl_`, in an `amqps://` URL. Made from `prelabel/wire/redis_url.py`.",
        "",
        "| option | expected |",
        "|---|---|",
        *(f"| `{name}` | {description} |" for name, description in expected(ConnectionOptions).items()),
    ]
    return "\n".join(lines) + "\n"


def reasons() -> str:
    """Return the page of reason codes, with their comments in the source, and of annotation kinds."""
    source = Path(errors.__file__).read_text("utf-8")
    codes = re.findall(r'^    [A-Z_]+ = "([a-z-]+)"(?:  # (.+))?$', source, re.MULTILINE)
    lines = [
        "# Reason codes and annotation kinds",
        "",
        "Made from `prelabel/errors.py` and `prelabel/annotations/kinds.py` by `make format`.",
        "",
        "| reason | meaning |",
        "|---|---|",
        *(f"| `{code}` | {meaning} |" for code, meaning in codes),
        "",
        "The name of a kind leads to its JSON Schema. Kinds that share a key are told apart by the note beside the "
        "key; the first kind that fits counts. Media types are written without `_` and `-`; *all* are those with "
        "classifications: every type except DICOM, POINTCLOUD and LLM.",
        "",
        "| kind | key | Python | ontology tools | media types |",
        "|---|---|---|---|---|",
    ]
    for kind in KINDS:
        tools, media = ", ".join(sorted(kind.tools)), ", ".join(sorted(kind.media))
        if kind.media == MEDIA_TYPES - {"POINTCLOUD", "LLM"}:
            media = "*all*"
        keys = f"{' or '.join(f'`{to_camel(key)}`' for key in kind.keys)} {kind.how}".strip()
        name = f"[{kind.name}]({FOLDER}/kinds/{slug(kind)}.json)"
        lines.append(f"| {name} | {keys} | `{kind.model.__name__}` | {tools} | {media} |")
    return "\n".join(lines) + "\n"


def metrics() -> str:
    """Return the page of metrics."""
    lines = [
        "# Metrics",
        "",
        "`prelabel metrics` serves them for Prometheus at `http://127.0.0.1:9464/metrics`, read from Redis at each "
        "scrape; one such process is enough. `prelabel metrics --once` prints them. Made from "
        "`prelabel_worker/queries/metrics.py` by `make format`.",
        "",
        "A counter's samples end in `_total`; it never falls, also over restarts of workers, since Redis keeps it. A "
        "histogram's end in `_bucket`, `_count` and `_sum`. [Data model](../explanation/data-model.md#numbers-by-time) "
        "says where counters and histograms come from.",
        "",
        "| metric | type | labels | meaning |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {metric.kind} | {', '.join(labels)} | {meaning} |"
            for metric, (name, labels, meaning) in ((metric, metric.value) for metric in Name)
        ),
        "",
        "## For a file collector",
        "",
        "What costs too much for a scrape, or is on another host, is printed by a command that a timer runs; "
        "node_exporter's collector `textfile` serves it. See [answer alerts](../how-to/answer-alerts.md#set-it-up). "
        "Made from `prelabel_worker/queries/file_metrics.py`.",
        "",
        "| metric | labels | meaning |",
        "|---|---|---|",
        *(
            f"| `{name}` | {', '.join(labels)} | {meaning} |"
            for name, labels, meaning in (metric.value for metric in FileName)
        ),
    ]
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Return the page of commands as it is, with the table of doctor's checks made anew."""
    lines = ["| check | what is right | remedy |", "|---|---|---|"]
    lines += [f"| `{check.label}` | {check.right} | {check.remedy} |" for check in Check]
    table = re.sub(r"docs/reference/([\w-]+)\.md", r"[\1](\1.md)", "\n".join(lines))
    page = (HERE / "commands.md").read_text("utf-8")
    return re.sub(r"\| check \|.*?\n\n", lambda _: f"{table}\n\n", page, flags=re.DOTALL)


def messages() -> str:
    """Return the page of messages as it is, with the table of keys beside each kind's own made anew."""
    page = (HERE / "messages.md").read_text("utf-8")
    return re.sub(r"\| kind \| `name`.*?\n\n", lambda _: f"{matrix()}\n\n", page, flags=re.DOTALL)


PAGES = {
    "settings.md": settings,
    "reasons.md": reasons,
    "metrics.md": metrics,
    "commands.md": commands,
    "messages.md": messages,
    "python-api.md": python_api,
} | schemas()


def main() -> int:
    """Write the pages; with `--check`, only report those that differ from the code."""
    stale = [
        name for name, make in PAGES.items() if not (HERE / name).exists() or (HERE / name).read_text("utf-8") != make()
    ]
    if "--check" in sys.argv:
        sys.stderr.write(
            "".join(f"docs/reference/{name} is not what the code says: run `make format`\n" for name in stale)
        )
        return 1 if stale else 0
    for name, make in PAGES.items():
        (HERE / name).parent.mkdir(parents=True, exist_ok=True)
        (HERE / name).write_text(make(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
