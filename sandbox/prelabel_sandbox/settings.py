"""The settings that `POST /_sandbox/settings` changes while the sandbox runs."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

API_KEY = "SANDBOX_API_KEY"
"""The environment variable with the only accepted key. On a command line everybody on the machine could read it."""
Seconds = Annotated[float, Meta(ge=0)]
DAY = 24 * 3600.0


class Settings(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """One object that all parts of the sandbox share; a change sets all its fields or none."""

    #: Limit per key; None: no limit.
    requests_per_minute: Annotated[int, Meta(ge=1)] | None = 1500
    #: Refuse an import whose name exists, or accept it; a look-up by name then finds the newest or the oldest import.
    duplicate_names: Literal["refuse", "newest", "oldest"] = "refuse"
    #: Minimum time that an import is RUNNING.
    seconds_per_import: Seconds = 0.2
    #: Minimum time that a task is IN_PROGRESS.
    seconds_per_task: Seconds = 0.2
    #: Time during which a new data row cannot be put into a batch.
    seconds_until_processed: Seconds = 0.0
    #: Timeout for fetching the input of an import from an address.
    fetch_seconds: Annotated[float, Meta(gt=0)] = 30.0
    #: Maximum size of an input that is fetched.
    fetch_bytes: Annotated[int, Meta(ge=1)] = 256 << 20
    #: How long input, status and error files can be fetched.
    file_seconds: Seconds = DAY
    #: Status of a refused line: FAILURE is in real output, FAILED on one of Labelbox's documentation pages.
    failure_word: Literal["FAILURE", "FAILED"] = "FAILURE"
    #: Whether the errors of a refused line have the key `additionalInfo`.
    additional_info: bool = True
    #: Refuse an empty import; without it such an import is FINISHED with no status lines.
    refuse_empty_file: bool = False
    #: Refuse a contentLength above the real length too.
    strict_content_length: bool = False
    #: Whether the pre-labels of an import stay when the import is deleted.
    delete_keeps_pre_labels: bool = False
    #: Whether exports have each data row's pre-labels as a label; Labelbox exports only what a labeler has submitted.
    export_pre_labels: bool = True
    #: Also refuse lines about which docs/reference/labelbox-format.md#7 leaves open whether Labelbox accepts them.
    strict_format: bool = False

    def change(self, fields: Any) -> None:
        """Set these fields. If one is invalid, raises msgspec.ValidationError and changes nothing."""
        if not isinstance(fields, dict):
            raise msgspec.ValidationError("expected an object")
        changed = msgspec.convert({**msgspec.to_builtins(self), **fields}, Settings)
        for name in self.__struct_fields__:
            setattr(self, name, getattr(changed, name))
