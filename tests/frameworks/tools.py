"""The tools that are run for real, and the environments that they need. Planning is pure: no I/O."""

from dataclasses import dataclass

TORCH = ("torch==2.14.1", "torchvision==0.29.1")


@dataclass(frozen=True)
class Environment:
    """A virtual environment of its own, since tools ask for packages that exclude each other."""

    name: str
    #: What is installed, in one call of pip.
    packages: tuple[str, ...]
    #: What is installed afterwards without what it asks for.
    alone: tuple[str, ...] = ()
    #: Whether prelabel is installed, and with which extras; None if the programs only write files.
    extras: str | None = None


@dataclass(frozen=True)
class Tool:
    """A program of `tests/frameworks/programs`, named like the tool."""

    name: str
    environment: str
    #: Programs of the machine that it calls; without them it is skipped.
    commands: tuple[str, ...] = ()


ENVIRONMENTS = (
    Environment("plain", ("pillow>=11", "spacy", "rapidocr", "onnxruntime", "pyannote-core>=6")),
    Environment(
        "rapidocr-1",
        ("onnxruntime", "opencv-python-headless<5", "pyclipper", "shapely", "pyyaml", "pillow", "six", "tqdm"),
        alone=("rapidocr-onnxruntime",),  # which asks for an OpenCV with windows
    ),
    Environment("paddleocr", ("paddleocr",)),
    Environment("label-studio", ("label-studio-sdk",)),
    Environment("datumaro", (), extras="datumaro"),
    Environment("bentoml", ("bentoml",), extras="command"),
    Environment("ray", ("ray[serve]",), extras=""),
    Environment("kserve", ("kserve",), extras=""),
    Environment("torchserve", ("torch==2.13.0", "torchserve", "torch-model-archiver", "psutil", "pynvml"), extras=""),
    Environment("triton", ("nvidia-pytriton", "numpy"), extras=""),
    Environment("fiftyone", ("fiftyone",), extras=""),
    Environment(
        "torch",
        (*TORCH, "ultralytics", "supervision", "transformers", "openai-whisper", "python-doctr"),
        extras="",
    ),
)
"""Each with the newest releases; the reports say which those are."""
TOOLS = (
    Tool("tesseract", "plain", ("tesseract",)),
    Tool("spacy_rules", "plain"),
    Tool("rapidocr_page", "plain"),
    Tool("pyannote_core", "plain"),
    Tool("rapidocr_lists", "rapidocr-1"),
    Tool("paddleocr_result", "paddleocr"),
    Tool("label_studio_sdk", "label-studio"),
    Tool("datumaro_sets", "datumaro"),
    Tool("ultralytics_yolo", "torch"),
    Tool("transformers_pipelines", "torch"),
    Tool("whisper_random", "torch"),
    Tool("doctr_document", "torch"),
    Tool("fiftyone_samples", "fiftyone"),
    Tool("bentoml_service", "bentoml"),
    Tool("bentoml_monitor", "bentoml"),
    Tool("ray_serve", "ray"),
    Tool("torchserve_handler", "torchserve", ("java",)),
    Tool("triton_backend", "triton"),
    Tool("kserve_model", "kserve"),
)
