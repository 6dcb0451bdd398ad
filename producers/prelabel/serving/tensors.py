"""Outputs of Triton's Python backend as JSON, in the form in which KServe and Triton send them over HTTP."""

from typing import Any


def inference_of(response: Any, **fields: Any) -> dict[str, Any]:
    """Return a `pb_utils.InferenceResponse` as an answer of the protocol v2, for the `[output]` of a mapping.

    `fields` are added beside `outputs`, such as the name of the frame for a template `{body.frame}`. Raises ValueError
    if the response is an error.
    """
    if response.has_error():
        raise ValueError(f"the response is an error: {response.error().message()}")
    return {**fields, "outputs": [_output(tensor) for tensor in response.output_tensors()]}


def _output(tensor: Any) -> dict[str, Any]:
    values = tensor.as_numpy()
    data = values.reshape(-1).tolist()
    return {
        "name": tensor.name(),
        "shape": list(values.shape),
        "data": [value.decode() if isinstance(value, bytes) else value for value in data],
    }
