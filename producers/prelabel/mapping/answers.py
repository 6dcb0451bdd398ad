"""Predictions of an output → annotations, named by the features of their classes."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prelabel.mapping.annotations import chosen, named
from prelabel.mapping.outputs import Output, Prediction

if TYPE_CHECKING:
    from prelabel.mapping.mapping import PredictionMapping


def annotations_of(body: Any, output: Output, mapping: "PredictionMapping") -> list[Mapping[str, Any]]:
    """Return the annotations for the output of a model. Raises MessageError."""
    predictions = output.predictions(body)
    if output.classification is not None:
        return list(_answers(predictions, output.classification, mapping, several=output.several))
    annotations: list[Mapping[str, Any]] = []
    for prediction in predictions:
        target = chosen(mapping, prediction.label, prediction.score, prediction.where)
        if target is not None:
            annotation = {"name": target.feature, **prediction.shape}
            if prediction.score is not None:
                annotation["confidence"] = prediction.score
            annotations.append(named(annotation, target, prediction.where))
    return annotations


def _answers(
    predictions: list[Prediction], classification: str, mapping: "PredictionMapping", *, several: bool
) -> Iterator[dict[str, Any]]:
    """Yield an answer to each classification: the option with the highest score, or all that are not left out."""
    answers: dict[str, dict[str, dict[str, Any]]] = {}
    if not several:  # only the best counts: the others are no predictions, so nothing of them is left out
        predictions = sorted(predictions, key=lambda prediction: -(prediction.score or 0.0))[:1]
    for prediction in predictions:
        target = chosen(mapping, prediction.label, prediction.score, prediction.where, classification)
        if target is not None:
            option: dict[str, Any] = {"name": target.option or prediction.label}
            if prediction.score is not None:
                option["confidence"] = prediction.score
            options = answers.setdefault(target.feature, {})
            other = options.get(option["name"])
            if other is None or other.get("confidence", 0.0) < option.get("confidence", 0.0):
                options[option["name"]] = option
    for name, options in answers.items():
        listed = list(options.values())
        yield {"name": name, "answer": listed if several else listed[0]}
