"""Lines and masks on sliced volumes: as on video, but without nested answers, and with a group of slices.

Source: docs/reference/labelbox-format.md#2-23.
"""

from typing import Any

from prelabel_sandbox.checks.frame_masks import check_frame_masks
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import UNKNOWN, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.segments import check_segments
from prelabel_sandbox.checks.values import required

_GROUPS = ("axial", "sagittal", "coronal")


def check_slices(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check a polyline through the slices of one group."""
    _check_group(line)
    check_segments(line, feature, scene)
    _check_flat(line)
    for segment in line["segments"]:
        for keyframe in segment["keyframes"]:
            _check_flat(keyframe)


def check_slice_masks(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check masks of the slices of one group."""
    _check_group(line)
    check_frame_masks(line, feature, scene)


def _check_group(line: dict[str, Any]) -> None:
    if required(line, "groupKey") not in _GROUPS:
        raise invalid("groupKey", f"Must be one of: {', '.join(_GROUPS)}.")


def _check_flat(holder: dict[str, Any]) -> None:
    """Refuse nested answers, which volumes do not have. An empty list is allowed: the official client writes one."""
    if holder.get("classifications"):
        raise invalid("classifications", UNKNOWN)
