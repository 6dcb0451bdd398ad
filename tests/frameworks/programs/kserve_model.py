"""A model in KServe's Python server publishes beside its answers in the protocol v2."""

import json
import os
import subprocess
import sys

from kserve import InferOutput, InferResponse, Model, ModelServer

from prelabel.serving import ServingPublisher
from tests.frameworks.report import ROOT, Output, answered, free_port, place, release, wait_until_published

FRAMES = [f"cam-1/{number:06}.jpg" for number in range(5)]
BODY = {"inputs": [{"name": "pixels", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}


def message(response, model, request, headers=None, response_headers=None):
    """Return the message of an answer, of the boxes that it has."""
    boxes = response.outputs[0].as_numpy().reshape(-1, 4).tolist()
    found = [
        {"name": "car", "bbox": {"left": left, "top": top, "width": right - left, "height": bottom - top}}
        for left, top, right, bottom in boxes
    ]
    return {"projectId": os.environ["FLEET_PROJECT"], "dataRow": {"globalKey": request.id}, "annotations": found}


def serve(port: int) -> None:
    """Run the server in this process."""
    predictions = ServingPublisher(redis_url=os.environ["FLEET_REDIS"], key_prefix=os.environ["FLEET_PREFIX"])

    class Detector(Model):
        """Sees a car on every picture."""

        def load(self) -> bool:
            """Have nothing to load."""
            self.ready = True
            return True

        @predictions.publishes(message)
        async def predict(self, payload, headers=None, response_headers=None):
            """Return the box."""
            box = InferOutput("boxes", [1, 4], "FP32", [1.0, 2.0, 11.0, 22.0])
            return InferResponse(payload.id or "", self.name, [box])

    model = Detector("detector")
    model.load()
    ModelServer(http_port=port, enable_grpc=False, workers=1).start([model])
    predictions.close()


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(int(sys.argv.pop()))
        sys.exit(0)
    here = place()
    port = free_port()
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "FLEET_REDIS": here.redis_url,
        "FLEET_PREFIX": here.key_prefix,
        "FLEET_PROJECT": here.project,
    }
    server = subprocess.Popen([sys.executable, __file__, str(port)], env=environment)
    try:
        for frame in FRAMES:
            body = json.dumps(BODY | {"id": frame}).encode()
            assert b"boxes" in answered(port, "/v2/models/detector/infer", body)
        wait_until_published(here, len(FRAMES))
    finally:
        server.terminate()
        server.wait(60)
    here.report(release("kserve"), Output("answers of a model", len(FRAMES), len(FRAMES), "published"))
