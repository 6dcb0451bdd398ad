"""`prelabel dead edit`: change one dead letter's message in an editor or from a file, check it, and send it back."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import orjson
import typer

from prelabel.errors import MessageError
from prelabel.printing import command, printable_json
from prelabel.text_input import UnreadableInput, read_text
from prelabel_worker.cli.dead.bulk import answer
from prelabel_worker.cli.dead.filters import Store
from prelabel_worker.cli.dead.show import DeadLetterId, only_dead_letter
from prelabel_worker.cli.shared.terminal import NOTHING, USAGE, AsJson, Project, RedisUrl, out, say
from prelabel_worker.dead_letters.editing import checked, edited_message
from prelabel_worker.dead_letters.letter import DeadLetter
from prelabel_worker.dead_letters.store import BulkResult
from prelabel_worker.operations.action_log import Actions


def edit(
    dead_letter_id: DeadLetterId,
    project: Project = None,
    file: Annotated[str | None, typer.Option(metavar="FILE|-", help="The new message; else an editor opens.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Save the message without retrying it.")] = False,
    as_json: AsJson = False,
    redis_url: RedisUrl = None,
) -> None:
    """Change a dead letter's message and retry it.

    The new message is checked as a published one is; an invalid message changes nothing.

    Example: prelabel dead edit 42 --project demo-project --file edited.json
    """
    store = Store(redis_url, project)
    dead_letter = only_dead_letter(store, dead_letter_id)
    if dead_letter.whole_frame:
        say(f"dead letter {dead_letter_id} is a frame that cannot be read: it can be retried or discarded, not edited")
        raise typer.Exit(USAGE)
    text = _text(dead_letter, file)
    if text is None:
        say("nothing was changed: the dead letter stays")
        raise typer.Exit(NOTHING)
    try:
        result = _save(store, dead_letter, text, keep=keep)
    except MessageError as error:
        say(f"{error} [{error.reason.value}]; the dead letter stays")
        if as_json:
            out({"error": {"reason": error.reason, **error.details()}})
        result = None
    if file is None and not (result and result.done):
        _keep_text(dead_letter, text)
    if result is None:
        raise typer.Exit(USAGE)
    answer(result, "edit", dry_run=False, as_json=as_json, interrupted=False, named=True)


def _save(store: Store, dead_letter: DeadLetter, text: bytes, *, keep: bool) -> BulkResult:
    """Check the message, replace it unless somebody else acted first, and record the edit. Raises MessageError."""
    new = edited_message(dead_letter, checked(dead_letter, text), store.rows.lanes(dead_letter.project_id))
    result = store.rows.edit(dead_letter.project_id, [new], "keep" if keep else "old")
    if not result.done:
        say("nothing was saved: somebody else has retried, changed or discarded the dead letter meanwhile")
    details = {"ids": [dead_letter.id], "kept": keep, **result.as_json()}
    Actions(store.client, store.prefix).record(dead_letter.project_id, "edit", details)
    return result


def _text(dead_letter: DeadLetter, file: str | None) -> bytes | None:
    """Return the new message; None when the editor left it as it was. Raises UnreadableInput."""
    if file is not None:
        return read_text(file)
    before = _pretty(dead_letter.message)
    after = _edited(dead_letter, before)
    return None if after == before else after


def _pretty(message: bytes) -> bytes:
    try:
        text = orjson.dumps(orjson.loads(message), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
        return printable_json(text).encode()
    except orjson.JSONDecodeError:
        return message


def _edited(dead_letter: DeadLetter, text: bytes) -> bytes:
    """Return the text as the person's editor saves it. Exit code 2 when there is no editor, or it fails."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="prelabel-") as folder:
        path = Path(folder) / "message.json"
        path.write_bytes(text)
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)  # noqa: S603 - the person's own command
            return read_text(path)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            say(f"the editor {editor!r} failed ({error}): set VISUAL or EDITOR, or give --file")
            raise typer.Exit(USAGE) from None
        except UnreadableInput as error:
            say(f"the editor's text cannot be used: {error}; the dead letter stays")
            if path.is_file():
                _keep_text(dead_letter, path.read_bytes())
            raise typer.Exit(USAGE) from None


def _keep_text(dead_letter: DeadLetter, text: bytes) -> None:
    """Save the person's text in a temporary file, so that it is not lost, and print the command that uses it."""
    handle, path = tempfile.mkstemp(prefix="prelabel-dead-letter-", suffix=".json")
    with os.fdopen(handle, "wb") as file:
        file.write(text)
    say(f"your text is in {path}: {command('dead edit', dead_letter.id, project=dead_letter.project_id, file=path)}")
