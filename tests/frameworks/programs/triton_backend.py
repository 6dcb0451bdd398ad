"""Triton's server, which pytriton brings, runs a model of its Python backend that publishes beside its responses."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytriton

from tests.frameworks.report import Output, answered, free_port, place, release, wait_until_published

FRAMES = [f"cam-1/{number:06}.jpg" for number in range(5)]
MODEL = """
import os

import numpy as np
import triton_python_backend_utils as pb_utils

from prelabel import read_mapping
from prelabel.serving import ServingPublisher, inference_of


def message(request, response):
    (frame,) = pb_utils.get_input_tensor_by_name(request, "frame").as_numpy()
    return inference_of(response, frame=frame.decode())


def infer(request):
    boxes = pb_utils.Tensor("boxes", np.array([[1, 2, 11, 22]], np.float32))
    labels = pb_utils.Tensor("labels", np.array([b"car"], np.object_))
    scores = pb_utils.Tensor("scores", np.array([0.75], np.float32))
    return pb_utils.InferenceResponse([boxes, labels, scores])


class TritonPythonModel:
    def initialize(self, args):
        self.predictions = ServingPublisher(
            redis_url=os.environ["FLEET_REDIS"], key_prefix=os.environ["FLEET_PREFIX"],
            mapping=read_mapping(os.environ["FLEET_MAPPING"]),
        )

    def execute(self, requests):
        responses = [infer(request) for request in requests]
        for request, response in zip(requests, responses):
            self.predictions.publish_from(message, request, response)
        return responses

    def finalize(self):
        self.predictions.close(10)
"""
MAPPING = """
global_key = "{{body.frame}}"
project = "{}"

[output]
tensors = "outputs"
box = "boxes"
box_format = "xyxy"
label = "labels"
score = "scores"
"""
CONFIGURATION = """
backend: "python"
max_batch_size: 0
input [{ name: "frame", data_type: TYPE_STRING, dims: [1] }]
output [
  { name: "boxes", data_type: TYPE_FP32, dims: [-1, 4] },
  { name: "labels", data_type: TYPE_STRING, dims: [-1] },
  { name: "scores", data_type: TYPE_FP32, dims: [-1] }
]
instance_group [{ kind: KIND_CPU, count: 1 }]
"""

if __name__ == "__main__":
    here = place()
    triton = Path(pytriton.__file__).parent / "tritonserver"
    model = Path("models/detector")
    (model / "1").mkdir(parents=True)
    (model / "1/model.py").write_text(MODEL)
    (model / "config.pbtxt").write_text(CONFIGURATION)
    backend = Path("backends/python")
    shutil.copytree(triton / "backends/python", backend)
    version = ".".join(map(str, sys.version_info[:2]))
    stub = shutil.copy(triton / "python_backend_stubs" / version / "triton_python_backend_stub", backend)
    Path(stub).chmod(0o755)
    Path("mapping.toml").write_text(MAPPING.format(here.project))
    port = free_port()
    environment = os.environ | {
        "FLEET_REDIS": here.redis_url,
        "FLEET_PREFIX": here.key_prefix,
        "FLEET_MAPPING": str(here.folder / "mapping.toml"),
        # The backend's Python is the first on the PATH; it does not look at PYTHONPATH.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LD_LIBRARY_PATH": f"{sys.base_prefix}/lib:{triton.parents[1] / 'nvidia_pytriton.libs'}",
    }
    command = [str(triton / "bin/tritonserver"), f"--model-repository={model.parent.resolve()}"]
    command += [f"--backend-directory={backend.parent.resolve()}", f"--http-port={port}", "--http-address=127.0.0.1"]
    command += ["--allow-grpc=false", "--allow-metrics=false"]
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        for frame in FRAMES:
            body = {"inputs": [{"name": "frame", "shape": [1], "datatype": "BYTES", "data": [frame]}]}
            assert b"boxes" in answered(port, "/v2/models/detector/infer", json.dumps(body).encode())
        wait_until_published(here, len(FRAMES))
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)
    here.report(
        f"Triton of {release('nvidia-pytriton')}",
        Output("responses of the Python backend, with a mapping", len(FRAMES), len(FRAMES), "published"),
    )
