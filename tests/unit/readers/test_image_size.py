"""The size of an image is read from its header, in every form that fleets store images in."""

from pathlib import Path

import pytest
from PIL import Image

from prelabel.readers.image_size import read_size


def stored(folder: Path, form: str, **options: object) -> Path:
    path = folder / f"image.{form}"
    Image.new("RGB", (31, 17), (9, 99, 199)).save(path, **options)
    return path


@pytest.mark.parametrize("form", ["png", "jpg", "gif", "bmp", "webp", "tiff"])
def test_the_size_is_that_of_the_pixels(tmp_path: Path, form: str) -> None:
    assert read_size(stored(tmp_path, form)) == (31, 17)


@pytest.mark.parametrize("options", [{"lossless": True}, {"exact": True, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}])
def test_each_kind_of_webp_is_read(tmp_path: Path, options: dict[str, object]) -> None:
    assert read_size(stored(tmp_path, "webp", **options)) == (31, 17)


def test_a_progressive_picture_is_read(tmp_path: Path) -> None:
    assert read_size(stored(tmp_path, "jpg", progressive=True)) == (31, 17)


@pytest.mark.parametrize(("orientation", "size"), [(1, (31, 17)), (3, (31, 17)), (6, (17, 31)), (8, (17, 31))])
@pytest.mark.parametrize("form", ["jpg", "tiff"])
def test_a_picture_that_lies_on_its_side_has_the_size_that_people_see(
    tmp_path: Path, form: str, orientation: int, size: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    assert read_size(stored(tmp_path, form, exif=exif)) == size


@pytest.mark.parametrize("form", ["png", "jpg", "gif", "bmp", "webp", "tiff"])
def test_a_picture_that_is_cut_off_anywhere_is_refused_or_read(tmp_path: Path, form: str) -> None:
    whole = stored(tmp_path, form).read_bytes()
    path = tmp_path / "cut"
    for end in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:end])
        try:
            assert read_size(path) == (31, 17)
        except ValueError as error:
            assert "no size found" in str(error)  # noqa: PT017 - both are right


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"names: [a]\n")

    with pytest.raises(ValueError, match="expected a PNG, JPEG, GIF, BMP, WebP or TIFF file"):
        read_size(tmp_path / "a.png")
