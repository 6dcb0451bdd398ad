"""Refusals of a line, with Labelbox's names and wording (docs/reference/labelbox-format.md#5-3)."""

MISSING = "Missing data for required field."
UNKNOWN = "Unknown field."


class Refused(Exception):
    """A line is refused; `name` is Labelbox's name for the reason."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def invalid(path: str, reason: str) -> Refused:
    """Return the refusal of the value at a dotted path. Its text is a printed Python dict, as the service sends it."""
    text: object = [reason]
    for step in reversed(path.split(".")):
        text = {step: text}
    return Refused("ValidationError", str(text))


def bad_geometry(reason: str) -> Refused:
    """Return the refusal of a shape whose keys and types are right."""
    return Refused("GeometryInvalid", f"Invalid geometry: {reason}")
