"""What can be changed while the sandbox runs, by `POST /_sandbox/settings`."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

API_KEY = "SANDBOX_API_KEY"
"""The environment variable with the only key that is accepted: everybody on the machine can read a command line."""
Seconds = Annotated[float, Meta(ge=0)]
DAY = 24 * 3600.0


class Settings(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """One object, shared by all who read it; changed as a whole or not at all."""

    requests_per_minute: Annotated[int, Meta(ge=1)] | None = 1500  # of each key; null: no limit
    duplicate_names: Literal["refuse", "newest", "oldest"] = "refuse"  # the two others accept and say what is found
    seconds_per_import: Seconds = 0.2  # an import is RUNNING at least so long
    seconds_per_task: Seconds = 0.2  # a task is IN_PROGRESS at least so long
    seconds_until_processed: Seconds = 0.0  # before that, a new data row cannot be put into a batch
    fetch_seconds: Annotated[float, Meta(gt=0)] = 30.0  # for the input of an import from an address
    fetch_bytes: Annotated[int, Meta(ge=1)] = 256 << 20
    file_seconds: Seconds = DAY  # how long input, status and error files can be fetched
    failure_word: Literal["FAILURE", "FAILED"] = "FAILURE"  # of a refused line: real output, and a page of the vendor's
    additional_info: bool = True  # whether the errors of a refused line have that key
    refuse_empty_file: bool = False  # else an import of nothing is FINISHED with zero status lines
    strict_content_length: bool = False  # refuse a contentLength above the real length too
    delete_keeps_pre_labels: bool = False  # deleting an import leaves what it brought
    strict_format: bool = False  # refuse what docs/reference/labelbox-format.md#7 leaves open too

    def change(self, given: Any) -> None:
        """Take over the fields that are given. Raises msgspec.ValidationError and changes nothing."""
        if not isinstance(given, dict):
            raise msgspec.ValidationError("expected an object")
        changed = msgspec.convert({**msgspec.to_builtins(self), **given}, Settings)
        for name in self.__struct_fields__:
            setattr(self, name, getattr(changed, name))
