"""The examples of docs/how-to/build-annotations.md run."""

import re
from pathlib import Path

import pytest

from prelabel_worker import __file__ as worker

PAGE = (Path(worker).parents[2] / "docs/how-to/build-annotations.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 8


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_runs(example: str) -> None:
    if "numpy" in example:
        pytest.importorskip("numpy")
    if "labelbox" in example:
        pytest.importorskip("labelbox.types", reason="pip install 'prelabel[labelbox]'", exc_type=ImportError)

    exec(compile(example, "docs/how-to/build-annotations.md", "exec"), {})


def test_the_table_of_differences_is_the_one_of_the_comparison() -> None:
    """Each line of the test's table is said to users."""
    pytest.importorskip("labelbox.types", reason="pip install 'prelabel[labelbox]'", exc_type=ImportError)
    from tests.support.sdk_comparison import DIFFERENCES

    words = {
        "uuid": "random for each object",
        "schema_id": "`schema_id`",
        "confidence": "confidence, metrics",
        "empty classifications": "empty `classifications`",
        "frames": "frame answers",
        "png": "the PNG's bytes",
    }
    assert words.keys() == DIFFERENCES.keys()
    assert [word for word in words.values() if word not in PAGE] == []
