"""Publishing beside a model server's answers: a prediction never fails or slows the request that it belongs to."""

from prelabel.serving.publisher import Counts, ServingPublisher
from prelabel.serving.tensors import inference_of, inference_of_body

__all__ = ["Counts", "ServingPublisher", "inference_of", "inference_of_body"]
