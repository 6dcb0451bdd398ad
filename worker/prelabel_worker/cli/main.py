"""The commands put together, and what a user sees when something is away or wrong."""

import sys

import redis
import typer

from prelabel.errors import PrelabelError
from prelabel.private_files import UnsafeFile
from prelabel.wire.client import words_of
from prelabel_worker.cli import dead
from prelabel_worker.cli.health import audit, doctor, healthy, metrics, status, wait
from prelabel_worker.cli.imports import command
from prelabel_worker.cli.local import demo, sandbox, up, worker
from prelabel_worker.cli.project import account, row
from prelabel_worker.cli.project import command as project
from prelabel_worker.cli.publish import command as publish
from prelabel_worker.cli.publish import spool, validate
from prelabel_worker.cli.setup import batch, dataset, ontology
from prelabel_worker.cli.shared.terminal import AWAY, USAGE, ServiceAway, print_traceback, say
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
app.add_typer(command.app, name="import")
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
    except (redis.ConnectionError, redis.TimeoutError) as error:
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
