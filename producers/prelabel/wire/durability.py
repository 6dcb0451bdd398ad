"""When an answer of Redis means that a write is safe, and how to wait for that."""

from typing import Any, Literal

from prelabel.errors import PrelabelError

Durability = Literal["fsync", "waitaof", "replica"]
"""Which answer of Redis means that a write is safe. `fsync`: every answer, since the server runs with `appendfsync
always`; `waitaof`: the answer to `WAITAOF 1 0` (Redis or Valkey 7.2); `replica`: the answer to `WAIT 1`."""
_WITHIN_MS = 5_000  # below every socket time-out


class NotDurable(PrelabelError):
    """Redis executed the commands and did not confirm in time that their writes are safe; repeat them."""

    def __init__(self) -> None:
        super().__init__("Redis did not confirm in time that the write is safe")


def execute(pipeline: Any, durability: Durability, *, raise_on_error: bool = True) -> list[Any]:
    """Execute a pipeline and return its answers once its writes are durable.

    The wait is a command of the pipeline, since Redis waits for the writes of one connection. Raises NotDurable, or a
    redis error. With `raise_on_error=False`, errors of commands are returned among the answers, and the writes of the
    others are durable.
    """
    if durability == "waitaof":
        pipeline.execute_command("WAITAOF", 1, 0, _WITHIN_MS)
    elif durability == "replica":
        pipeline.execute_command("WAIT", 1, _WITHIN_MS)
    answers: list[Any] = pipeline.execute(raise_on_error)
    copies = answers.pop() if durability != "fsync" else 1
    if isinstance(copies, Exception) or not (copies[0] if isinstance(copies, list) else copies):
        raise next(filter(_is_error, [*answers, copies]), NotDurable())
    return answers


def _is_error(answer: object) -> bool:
    return isinstance(answer, Exception)
