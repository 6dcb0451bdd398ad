"""The keypoints of a pose: names, which of them were found, and how certain each is. Labelbox has no skeletons."""

from collections.abc import Iterable, Iterator, Sequence

COCO_KEYPOINTS = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow"),
    *("right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle"),
    "right_ankle",
)
"""COCO's names of a person's keypoints."""

Place = tuple[float, float, float | None]
"""x, y, and what follows them, if anything does: a confidence, or 0, 1 or 2 for how visible it is."""


def keypoint_name(class_name: str, at: int, count: int, names: Sequence[str] = ()) -> str:
    """Return the name of one of `count` keypoints: the given one, else COCO's for 17, else `person keypoint 0`."""
    names = names or (COCO_KEYPOINTS if count == len(COCO_KEYPOINTS) else ())
    return names[at] if at < len(names) else f"{class_name} keypoint {at}"


def found_keypoints(class_name: str, places: Sequence[Place], names: Sequence[str] = ()) -> Iterator[tuple[str, Place]]:
    """Yield name and place of the keypoints that are there: models write 0 0, or 0 behind x and y, for the others."""
    for at, (x, y, third) in enumerate(places):
        if (x, y) != (0, 0) and third != 0:
            yield keypoint_name(class_name, at, len(places), names), (x, y, third)


def own_confidence(third: float | None, score: float | None) -> float | None:
    """Return a keypoint's own confidence, or that of its detection: a whole number only says how visible it is."""
    return score if third is None or float(third).is_integer() else third


def places_of(flat: Sequence[float], columns: int) -> Iterable[Place]:
    """Return the places in a flat list, which has 2 or 3 numbers for each."""
    thirds = flat[2::3] if columns == 3 else [None] * (len(flat) // 2)
    return zip(flat[::columns], flat[1::columns], thirds, strict=True)
