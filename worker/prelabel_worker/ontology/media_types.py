"""The media types in the API's spelling, as projects, ontologies and data rows are sent with them."""

import difflib

from prelabel.annotations.kinds import media_type_of
from prelabel.errors import PrelabelError, quoted

API_MEDIA_TYPES = (
    *("IMAGE", "VIDEO", "TEXT", "AUDIO", "PDF", "DOCUMENT", "HTML", "CONVERSATIONAL", "TMS_GEO", "TMS_SIMPLE"),
    *("DICOM", "LLM_PROMPT_CREATION", "LLM_PROMPT_RESPONSE_CREATION", "POINT_CLOUD", "LLM"),
)
"""Every media type that a source names (docs/reference/labelbox-format.md#3)."""
_BY_PLAIN_NAME = {media_type_of(name): name for name in API_MEDIA_TYPES}


class UnknownMediaType(PrelabelError):
    """No media type has this name."""


def known_media_type(name: str) -> str:
    """Return a media type in the API's spelling. Raises UnknownMediaType, which names the nearest and all others."""
    plain = media_type_of(name)
    if plain in _BY_PLAIN_NAME:
        return _BY_PLAIN_NAME[plain]
    near = difflib.get_close_matches(plain, _BY_PLAIN_NAME, 1)
    hint = f"did you mean {_BY_PLAIN_NAME[near[0]]}? " if near else ""
    raise UnknownMediaType(f"expected a media type, found {quoted(name)}: {hint}known are {', '.join(API_MEDIA_TYPES)}")
