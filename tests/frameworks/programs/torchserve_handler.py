"""TorchServe, in its own Java server, runs a handler that publishes beside its answers."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import torch

from tests.frameworks.report import Output, answered, free_port, place, release, wait_until_published

FRAMES = [f"cam-1/{number:06}.jpg" for number in range(5)]
HANDLER = """
import os

import torch
from ts.torch_handler.base_handler import BaseHandler

from prelabel.serving import ServingPublisher


def message(boxes, context, at):
    frame = context.get_request_header(at, "X-Frame-Id")
    return {"projectId": os.environ["FLEET_PROJECT"], "dataRow": {"globalKey": frame}, "annotations": boxes}


class Detector(BaseHandler):
    def initialize(self, context):
        super().initialize(context)
        self.predictions = ServingPublisher(
            redis_url=os.environ["FLEET_REDIS"], key_prefix=os.environ["FLEET_PREFIX"],
            spool_dir=os.environ["FLEET_SPOOL"],
        )

    def preprocess(self, data):
        return torch.tensor([[float(len(row.get("data") or row.get("body") or b""))] for row in data])

    def postprocess(self, data):
        return [
            [{"name": "car", "bbox": {"top": 1, "left": 2, "height": 3, "width": float(width)}}]
            for (width,) in data.tolist()
        ]

    def handle(self, data, context):
        answers = super().handle(data, context)
        for at, boxes in enumerate(answers):
            self.predictions.publish_from(message, boxes, context, at)
        return answers
"""
SETTINGS = """
inference_address=http://127.0.0.1:{}
management_address=http://127.0.0.1:{}
metrics_address=http://127.0.0.1:{}
grpc_inference_port={}
grpc_management_port={}
disable_token_authorization=true
default_workers_per_model=1
install_py_dep_per_model=false
"""


class Wider(torch.nn.Module):
    """Adds one."""

    def forward(self, lengths: torch.Tensor) -> torch.Tensor:
        """Return each length and one."""
        return lengths + 1


def here_is(name: str) -> str:
    """Return a program of this environment."""
    return str(Path(sys.executable).parent / name)


def headers(frame: str) -> dict[str, str]:
    """Return the headers of a request about a frame."""
    return {"X-Frame-Id": frame, "Content-Type": "application/octet-stream"}


if __name__ == "__main__":
    here = place()
    Path("handler.py").write_text(HANDLER)
    torch.jit.script(Wider()).save("model.pt")
    archive = ["--model-name", "detector", "--version", "1", "--serialized-file", "model.pt", "--handler", "handler.py"]
    Path("store").mkdir()
    subprocess.run([here_is("torch-model-archiver"), *archive, "--export-path", "store"], check=True)
    port = free_port()
    Path("config.properties").write_text(SETTINGS.format(port, *(free_port() for _ in range(4))))
    environment = os.environ | {
        "FLEET_REDIS": here.redis_url,
        "FLEET_PREFIX": here.key_prefix,
        "FLEET_PROJECT": here.project,
        "FLEET_SPOOL": str(here.folder / "spool"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LOG_LOCATION": str(here.folder / "logs"),
        "METRICS_LOCATION": str(here.folder / "logs"),
        "TEMP": str(here.folder),
        "TMPDIR": str(here.folder),  # else it ends if another one runs on the machine
    }
    command = [here_is("torchserve"), "--start", "--foreground", "--ncs", "--model-store", "store"]
    command += ["--models", "detector=detector.mar", "--ts-config", "config.properties"]
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        for frame in FRAMES:
            assert b"car" in answered(port, "/predictions/detector", b"12345", **headers(frame))
        wait_until_published(here, len(FRAMES))
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # the Java process too
        server.wait(60)
    here.report(release("torchserve", "torch"), Output("answers of a handler", len(FRAMES), len(FRAMES), "published"))
