"""Images, videos, recordings and masks that a page cannot load: it says what is missing, and what to do.

What only the browser can notice is in test_browser.py.
"""

import pytest

from tests.support.sandbox.examples import HARBOUR, example
from tests.support.sandbox.markup import Element
from tests.support.sandbox.pages import entries, only_row
from tests.support.sandbox.process import SandboxProcess
from tests.support.sandbox.uploads import uploaded


def notes(page: Element) -> list[str]:
    """Return the notes that are shown from the beginning."""
    return [each.text for each in page.all("p", of="note") if "hidden" not in each.attributes]


MEDIA = [("IMAGE", "image"), ("VIDEO", "video"), ("AUDIO", "recording")]


@pytest.mark.parametrize(("media", "word"), MEDIA)
@pytest.mark.parametrize("address", ["/assets/nothing.bin", "{}/assets/nothing.bin", "{}/uploads/nothing"])
def test_a_file_that_the_sandbox_does_not_have_is_said_to_be_missing(
    sandbox: SandboxProcess, project: str, media: str, word: str, address: str
) -> None:
    row_data = address.format(sandbox.url)
    sandbox.project(project, HARBOUR, [{"globalKey": "a", "rowData": row_data}], mediaType=media)
    page = only_row(sandbox, project)
    assert notes(page)[0].startswith(f"The sandbox has no {word} at {row_data}. Addresses that begin with /assets/")
    assert page.all("img") + page.all("video") + page.all("audio") == []


@pytest.mark.parametrize(("media", "word"), MEDIA)
@pytest.mark.parametrize(
    "address", ["gs://bucket/a", "https://me:secret@example.org/a", "https://example.org/a b", "x"]
)
def test_an_address_that_no_page_can_load_is_said_to_be_one(
    sandbox: SandboxProcess, project: str, media: str, word: str, address: str
) -> None:
    sandbox.project(project, HARBOUR, [{"globalKey": "a", "rowData": address}], mediaType=media)
    assert notes(only_row(sandbox, project))[0].startswith(f"No page can load the {word} from {address}. It needs")


@pytest.mark.parametrize(("media", "word"), MEDIA)
def test_a_data_row_without_row_data_says_that_no_address_is_known(
    sandbox: SandboxProcess, project: str, media: str, word: str
) -> None:
    sandbox.project(project, HARBOUR, ["a"], mediaType=media)
    page = only_row(sandbox, project)
    assert f"No address is known for the {word}: the data row has no rowData" in page.one("main").text
    assert [each for each in notes(page) if "slider" not in each] == []


@pytest.mark.parametrize(
    ("address", "note"),
    [
        ("{}/assets/nothing.png", "not drawn: the sandbox has no file at this address"),
        ("{}/uploads/nothing", "not drawn: the sandbox has no file at this address"),
        ("https://me:secret@example.org/a.png", "not drawn: a page cannot load it from this address"),
    ],
)
def test_a_mask_that_no_page_can_load_is_noted(sandbox: SandboxProcess, project: str, address: str, note: str) -> None:
    sandbox.project(project, HARBOUR)
    mask = {"instanceURI": address.format(sandbox.url), "colorRGB": [1, 2, 3]}
    sandbox.statuses(project, "1", [example("MASK-1", mask=mask)])
    (entry,) = entries(only_row(sandbox, project))
    assert entry.endswith(note)


@pytest.mark.parametrize("media", ["VIDEO", "DICOM"])
def test_masks_of_frames_that_are_missing_are_noted_and_the_others_drawn(
    sandbox: SandboxProcess, project: str, media: str
) -> None:
    sandbox.project(project, HARBOUR, mediaType=media)
    there = uploaded(sandbox, b"", "a.png")
    addresses = [there, f"{sandbox.url}/assets/1.png", f"{sandbox.url}/assets/2.png"]
    frames = [{"index": index, "instanceURI": address} for index, address in enumerate(addresses, 1)]
    masks = {"frames": frames, "instances": [{"name": "oil film", "colorRGB": [1, 2, 3]}]}
    sandbox.statuses(project, "1", [example("DICOM-2" if media == "DICOM" else "VMASK-1", masks=masks)])
    page = only_row(sandbox, project)
    (entry,) = entries(page)
    assert entry.endswith(f"not drawn: the sandbox has no file at {addresses[1]}, and 1 more image")
    assert len(page.one("g", of="masks").all("image")) == 1
