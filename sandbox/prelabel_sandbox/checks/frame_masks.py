"""Masks of a video's frames: all objects of a data row in one line (docs/reference/labelbox-format.md#2-17)."""

from typing import Any

from prelabel_sandbox.checks.frames import check_frame, first_frame
from prelabel_sandbox.checks.mask import check_address, check_color, check_png, empty_mask
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import exact_keys, filled, integer, known_keys, mapping, required

_MASKS = frozenset({"frames", "instances"})
_SOURCES = frozenset({"instanceURI", "imBytes"})
_FRAME = _SOURCES | {"index"}
_INSTANCE = frozenset({"colorRGB", "name", "featureSchemaId"})
_TOOL = "raster-segmentation"
_OLDER_TOOL = "superpixel"  # it probably takes masks of frames; no source confirms it


def check_frame_masks(line: dict[str, Any], _: Feature, scene: Scene) -> None:
    """Check one composite image per frame, and the colours that identify the objects in all frames."""
    masks = exact_keys(line["masks"], _MASKS, "masks")
    frames = [_check_frame(frame, scene) for frame in filled(masks["frames"], "masks.frames")]
    if len({index for index, _ in frames}) < len(frames):
        raise invalid("masks.frames.index", "A frame occurs more than once.")
    if all(black for _, black in frames):
        raise empty_mask()
    owners: dict[tuple[int, ...], set[str]] = {}
    for instance in filled(masks["instances"], "masks.instances"):
        color, tool = _check_instance(instance, scene)
        taken = owners.setdefault(color, set())
        # The official notebook has one colour under two tools, perhaps by mistake.
        if tool.schema_id in taken or (taken and scene.strict):
            raise invalid("masks.instances.colorRGB", "A color stands for more than one instance.")
        taken.add(tool.schema_id)


def _check_frame(value: Any, scene: Scene) -> tuple[int, bool]:
    """Return the frame's number, and whether its image is known to be black."""
    frame = mapping(value, "masks.frames")
    known_keys(frame, _FRAME, "masks.frames")
    index = integer(required(frame, "index", "masks.frames"), "masks.frames.index", first_frame(scene))
    check_frame(index, scene)
    sources = frame.keys() & _SOURCES
    if len(sources) != 1:
        raise invalid("masks.frames", "One of `instance_uri`, `im_bytes` required.")
    if "instanceURI" in sources:
        check_address(frame["instanceURI"])
        return index, False
    image = check_png(frame["imBytes"], "masks.frames.imBytes", scene)
    return index, image.lit is False


def _check_instance(value: Any, scene: Scene) -> tuple[tuple[int, ...], Feature]:
    instance = mapping(value, "masks.instances")
    known_keys(instance, _INSTANCE, "masks.instances")
    reference = {"name": required(instance, "name", "masks.instances")}
    if "featureSchemaId" in instance:  # everywhere else in a line this key is schemaId
        reference["schemaId"] = instance["featureSchemaId"]
    tool = scene.ontology.tools.find(reference)
    if tool.type != _TOOL and (scene.strict or tool.type != _OLDER_TOOL):
        raise invalid("masks.instances", f"A {tool.type} feature does not take masks.")
    return check_color(instance, "masks.instances"), tool
