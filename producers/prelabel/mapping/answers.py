"""Predictions of an output → annotations, named by the features of their classes."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prelabel.mapping.annotations import chosen, named
from prelabel.mapping.outputs import Output, Prediction

if TYPE_CHECKING:
    from prelabel.mapping.mapping import PredictionMapping


def annotations_of(root: Any, output: Output, mapping: "PredictionMapping") -> list[Mapping[str, Any]]:
    """Return the annotations for the output of a model, which `output` has opened. Raises MessageError."""
    predictions = output.predictions(root)
    if output.classification is not None:
        return list(_answers(predictions, output.classification, mapping, several=output.several))
    annotations: list[Mapping[str, Any]] = []
    for prediction in predictions:
        if prediction.shape:
            drawn = _drawn(prediction, mapping)
            if drawn is None:  # the keypoints of what is left out would belong to nothing
                continue
            annotations.append(drawn)
        annotations += [point for part in prediction.keypoints if (point := _drawn(part, mapping)) is not None]
    return annotations


def _drawn(prediction: Prediction, mapping: "PredictionMapping") -> Mapping[str, Any] | None:
    """Return the annotation of a prediction, or None if the mapping leaves it out."""
    target = chosen(mapping, prediction.label, prediction.score, prediction.where)
    if target is None:
        return None
    annotation = {"name": target.feature, **prediction.shape}
    if prediction.score is not None:
        annotation["confidence"] = prediction.score
    return named(annotation, target, prediction.where)


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
