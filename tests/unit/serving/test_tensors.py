"""Outputs of Triton's Python backend as JSON; the objects here have the methods of `triton_python_backend_utils`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prelabel import read_mapping
from prelabel.serving import inference_of
from prelabel.testing import recording_publisher


@dataclass
class Tensor:
    title: str
    values: Any

    def name(self) -> str:
        return self.title

    def as_numpy(self) -> Any:
        return self.values


@dataclass
class Response:
    tensors: list[Tensor]
    trouble: str = ""

    def output_tensors(self) -> list[Tensor]:
        return self.tensors

    def has_error(self) -> bool:
        return bool(self.trouble)

    def error(self) -> "Response":
        return self

    def message(self) -> str:
        return self.trouble


RESPONSE = Response([
    Tensor("boxes", np.array([[[1, 2, 11, 22]]], np.float32)),
    Tensor("labels", np.array([[b"car"]], np.object_)),
])  # fmt: skip


def test_tensors_become_the_json_of_the_protocol() -> None:
    body = inference_of(RESPONSE, frame="cam-1/1.jpg")

    assert body == {
        "frame": "cam-1/1.jpg",
        "outputs": [
            {"name": "boxes", "shape": [1, 1, 4], "data": [1.0, 2.0, 11.0, 22.0]},
            {"name": "labels", "shape": [1, 1], "data": ["car"]},
        ],
    }
    json.dumps(body)


def test_a_mapping_makes_messages_of_them(tmp_path: Path) -> None:
    table = tmp_path / "mapping.toml"
    table.write_text("""
        global_key = "{body.frame}"
        project = "p"
        [output]
        tensors = "outputs"
        box = "boxes.0"
        box_format = "xyxy"
        label = "labels.0"
    """)
    with recording_publisher() as publisher:
        for message in read_mapping(table).apply(inference_of(RESPONSE, frame="cam-1/1.jpg")):
            publisher.publish(message)

    (message,) = publisher.assert_published("p", data_row="cam-1/1.jpg", count=1)
    assert message.annotations[0].bbox.model_dump() == {"top": 2, "left": 1, "height": 20, "width": 10}


def test_an_error_is_no_prediction() -> None:
    with pytest.raises(ValueError, match="out of memory"):
        inference_of(Response([], "out of memory"))
