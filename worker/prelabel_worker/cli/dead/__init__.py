"""`prelabel dead`: list, show, edit, retry, export and discard dead letters."""

import typer

from prelabel_worker.cli.dead import discarding, editing, exporting, listing, log, retrying, showing

app = typer.Typer(
    help="Dead letters: list, show, edit, retry, export, discard.", no_args_is_help=True, rich_markup_mode=None
)
for module in (listing, showing, editing, retrying, exporting, discarding, log):
    module.register(app)
