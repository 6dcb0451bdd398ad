"""Outputs of Triton's Python backend, and answers with binary tensors, as JSON: the form that a mapping reads."""

from typing import Any

import orjson

from prelabel.errors import found_value
from prelabel.mapping.binary import with_values


def inference_of(response: Any, **fields: Any) -> dict[str, Any]:
    """Return a `pb_utils.InferenceResponse` as an answer of the protocol v2, for the `[output]` of a mapping.

    `fields` are added beside `outputs`, such as the name of the frame for a template `{body.frame}`. Raises ValueError
    if the response is an error.
    """
    if response.has_error():
        raise ValueError(f"the response is an error: {response.error().message()}")
    return {**fields, "outputs": [_output(tensor) for tensor in response.output_tensors()]}


def inference_of_body(body: bytes, json_bytes: int, **fields: Any) -> dict[str, Any]:
    """Return an answer of the protocol v2 whose tensors are binary as an answer in JSON.

    `json_bytes` is its header `Inference-Header-Content-Length`. `fields` are added beside `outputs`. Raises
    MessageError for values that are not what the JSON says, ValueError for what is no JSON.
    """
    answer = with_values(orjson.loads(body[:json_bytes]), body[json_bytes:])
    if not isinstance(answer, dict):
        raise ValueError(f"the answer: expected a JSON object with outputs, found {found_value(answer)}")
    return {**fields, **answer}


def _output(tensor: Any) -> dict[str, Any]:
    values = tensor.as_numpy()
    data = values.reshape(-1).tolist()
    return {
        "name": tensor.name(),
        "shape": list(values.shape),
        "data": [value.decode() if isinstance(value, bytes) else value for value in data],
    }
