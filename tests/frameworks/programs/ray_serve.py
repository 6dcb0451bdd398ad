"""A deployment of Ray Serve with two replicas and a decorated handler answers over HTTP."""

import ray
from ray import serve

from prelabel.serving import ServingPublisher
from tests.frameworks.report import Output, answered, free_port, place, release

FRAMES = [f"cam-1/{number:06}.jpg" for number in range(10)]

if __name__ == "__main__":
    here = place()
    project = here.project
    predictions = ServingPublisher(spool_dir=here.folder / "spool", **here.options())

    def message(boxes, detector, request):
        """Return the message of an answer."""
        frame = request.query_params["frame"]
        return {"projectId": project, "dataRow": {"globalKey": frame}, "annotations": boxes}

    @serve.deployment(num_replicas=2, ray_actor_options={"num_cpus": 0.1})
    class Detector:
        """Sees a car on every picture."""

        @predictions.publishes(message)
        async def __call__(self, request):
            """Return the boxes."""
            return [{"name": "car", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}]

    ray.init(num_cpus=2, include_dashboard=False, _temp_dir="/tmp/prelabel-ray", log_to_driver=False)
    port = free_port()
    serve.start(http_options={"port": port})
    serve.run(Detector.bind())
    for frame in FRAMES:
        assert b"car" in answered(port, f"/?frame={frame}")
    serve.shutdown()
    ray.shutdown()
    here.report(release("ray"), Output("answers of two replicas", len(FRAMES), len(FRAMES), "published"))
