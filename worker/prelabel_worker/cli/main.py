"""The commands put together, and what a user sees when something is away or wrong."""

import sys

import redis
import typer
from kombu.exceptions import OperationalError

from prelabel.client import words_of
from prelabel.errors import PrelabelError
from prelabel.private_files import UnsafeFile
from prelabel_worker.cli import (
    account,
    audit,
    batch,
    dataset,
    dead,
    demo,
    doctor,
    healthy,
    imports,
    metrics,
    ontology,
    project,
    publish,
    row,
    sandbox,
    spool,
    status,
    up,
    validate,
    wait,
    worker,
)
from prelabel_worker.cli.common import AWAY, USAGE, ServiceAway, print_traceback, say
from prelabel_worker.errors import ConfigurationError

app = typer.Typer(
    name="prelabel",
    help="Stream model predictions into Labelbox pre-labels.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
for module in (demo, up, worker, publish, validate, status, wait, audit, doctor, healthy, metrics):
    module.register(app)
app.add_typer(account.app, name="account")
app.add_typer(batch.app, name="batch")
app.add_typer(dataset.app, name="dataset")
app.add_typer(dead.app, name="dead")
app.add_typer(imports.app, name="import")
app.add_typer(ontology.app, name="ontology")
app.add_typer(project.app, name="project")
app.add_typer(row.app, name="row")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(spool.app, name="spool")


def run() -> None:
    """Run the command; a user's mistake or a service that is away is one line, never a traceback."""
    try:
        app()
    except ConfigurationError as error:
        say(str(error))
        sys.exit(USAGE)
    except ServiceAway as error:
        say(str(error))
        sys.exit(AWAY)
    except (redis.ConnectionError, redis.TimeoutError, OperationalError) as error:
        say(f"Redis does not answer any more: {words_of(error)}; is it running? (prelabel doctor says more)")
        sys.exit(AWAY)
    except redis.RedisError as error:
        say(f"Redis refuses: {words_of(error)}")
        sys.exit(AWAY)
    except PrelabelError as error:
        say(str(error))
        sys.exit(USAGE)
    except UnsafeFile as error:
        say(f"{error.filename} {error.strerror}")
        sys.exit(USAGE)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        print_traceback(error)
        sys.exit(1)
