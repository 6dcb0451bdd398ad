"""What a trial of the image and the compose file can find."""


class Failure(Exception):
    """A step failed, or had another result than expected."""


def expect(holds: bool, step: str, found: object, expected: object) -> None:
    """Raise Failure unless something holds."""
    if not holds:
        raise Failure(f"{step}: found {found}; expected {expected}")
