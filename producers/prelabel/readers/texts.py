"""The texts of data rows, beside files that do not have them."""

from pathlib import Path

from prelabel.readers.base import UnreadableSource
from prelabel.text_input import UnreadableInput, read_text, stem_of

_MAX_BYTES = 16 * 1024 * 1024


class Texts:
    """The text of one data row in a file, or of several in a folder, under their global keys or the names of files."""

    def __init__(self, path: Path, file: Path) -> None:
        self._path = path
        self._stem = stem_of(file)

    def of(self, key: str) -> str:
        """Return the text of a data row. Raises ValueError if there is none, UnreadableSource if it is no file."""
        if not self._path.is_dir():
            return read_whole(self._path)
        folder = self._path.resolve()
        for name in (key, f"{key}.txt", f"{self._stem}.txt"):
            file = (folder / name).resolve() if "\0" not in name else folder
            if file.is_relative_to(folder) and file.is_file():  # a key is the model's word, and may be ../../secret
                return read_whole(file)
        raise ValueError(f"the text is missing: expected {key} or {key}.txt in {self._path}")


def read_whole(file: Path) -> str:
    """Return a file's text with its line ends as they are counted in characters. Raises UnreadableSource."""
    try:
        return read_text(file, _MAX_BYTES).decode()
    except UnicodeDecodeError:
        raise UnreadableSource(f"{file}: not UTF-8: convert the file with iconv") from None
    except UnreadableInput as error:
        raise UnreadableSource(str(error)) from None
