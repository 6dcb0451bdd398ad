"""`prelabel dead`: list, show, edit, retry, export and discard dead letters."""

import typer

from prelabel_worker.cli.dead import discard, edit, export, log, retry, show
from prelabel_worker.cli.dead import list as listing

app = typer.Typer(
    help="Dead letters: list, show, edit, retry, export, discard.", no_args_is_help=True, rich_markup_mode=None
)
for module in (listing, show, edit, retry, export, discard, log):
    module.register(app)
