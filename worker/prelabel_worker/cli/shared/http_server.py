"""What the commands that serve over HTTP share: the option of a token, and the warning about other machines."""

from prelabel.access_tokens import SHORTEST
from prelabel_worker.cli.shared.terminal import say, usage
from prelabel_worker.labelbox.endpoint import is_this_machine


def check_token_option(token: str | None) -> None:
    """End the command with exit code 2 if the token of `--token` is short enough to be guessed."""
    if token is not None and len(token) < SHORTEST:
        usage(f"--token: expected at least {SHORTEST} characters, best random ones; leave it out to get one")


def warn_of_other_machines(host: str) -> None:
    """Say that tokens travel in clear where the server listens for other machines."""
    if not is_this_machine(host):
        say("it answers other machines: put a proxy with TLS in front of it, since tokens travel in clear")
