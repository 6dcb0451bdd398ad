"""The `annotations` of a label in an export, made of the lines of a data row."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from prelabel_sandbox.checks.uuids import canonical
from prelabel_sandbox.exports.answers import answers_of, nested
from prelabel_sandbox.exports.features import Level, level_of
from prelabel_sandbox.exports.frames import Frames
from prelabel_sandbox.exports.objects import geometry_of, kind_of
from prelabel_sandbox.ids import derived_id

Json = dict[str, Any]

_GROUPS = ("Axial", "Sagittal", "Coronal")  # of a volume; exports have all of them (live test)


class Line(NamedTuple):
    """A line that was imported, and its canonical uuid."""

    uuid: bytes
    content: Json


class Project(NamedTuple):
    """What the form of a project's labels depends on."""

    media: str
    tools: Level
    classifications: Level
    #: Returns the address of a mask's image: of the mask, its line's uuid, the data row and the frame.
    address: Callable[[Json, bytes, str, int | None], str | None]
    #: Whether frames between keyframes are exported too.
    interpolated: bool = False


def levels_of(ontology: Json) -> tuple[Level, Level]:
    """Return the tools and the top-level classifications of a normalized ontology."""
    return level_of(ontology.get("tools") or []), level_of(ontology.get("classifications") or [])


def annotations_of(project: Project, lines: Sequence[Line], label_id: str, row_id: str, text: str | None) -> Json:
    """Return the annotations of a label in the form that the project's medium has."""
    label = _Label(project, label_id, row_id, text)
    for line in lines:
        label.add(line)
    for line in lines:
        if "relationship" in line.content:
            label.link(line)
    return label.shown()


class _Label:
    """Collects the annotations of one label."""

    def __init__(self, project: Project, label_id: str, row_id: str, text: str | None) -> None:
        self._project = project
        self._label_id, self._row_id, self._text = label_id, row_id, text
        self._objects: list[Json] = []
        self._classifications: list[Json] = []
        self._segments: dict[str, list[list[float]]] = {}
        self._relationships: list[Json] = []
        self._by_question: dict[str, str] = {}
        self._frames = Frames(project.media, interpolated=project.interpolated)
        self._groups = {name: Frames(project.media, interpolated=project.interpolated) for name in _GROUPS}

    def add(self, line: Line) -> None:
        """Add everything but a relationship, whose ends may come later."""
        content, feature_id = line.content, self._id(line.uuid)
        if "answer" in content or "answers" in content:
            self._add_answer(content, feature_id)
        elif "segments" in content:
            feature = self._project.tools.find(content)
            self._frames_of(content).add_track(content, feature, feature_id)
        elif "masks" in content:
            self._add_masks(line)
        elif "relationship" not in content:
            self._objects.append(self._object(line, feature_id))

    def link(self, line: Line) -> None:
        """Add a relationship."""
        link, feature = line.content["relationship"], self._project.tools.find(line.content)
        source = self._by_question.get(str(link.get("sourceOntologyName"))) or self._end(link.get("source"))
        ends = {"source": source, "target": self._end(link.get("target"))}
        kind = "bidirectional" if link.get("type") == "bidirectional" else "unidirectional"
        shown = {**feature.shown(self._id(line.uuid)), "classifications": []}
        self._relationships.append({**shown, f"{kind}_relationship": ends})

    def shown(self) -> Json:
        """Return the annotations."""
        media, answers = self._project.media, {"classifications": self._classifications}
        if media == "audio":
            return {**answers, "segments": self._segments, "timestamp": {}}
        if media == "DICOM":
            groups = {
                name: {"name": name, "classifications": [], "frames": frames.shown()}
                for name, frames in self._groups.items()
            }
            by_group = {name: frames.segments for name, frames in self._groups.items()}
            features = {feature for frames in self._groups.values() for feature in frames.keyframes}
            keys = {
                feature: {name: frames.keyframes.get(feature, {}) for name, frames in self._groups.items()}
                for feature in sorted(features)
            }
            return {"groups": groups, "segments": by_group, **answers, "key_frame_feature_map": keys}
        relationships = {"relationships": self._relationships}
        if media == "video":
            segments = {**self._frames.segments, **self._segments}
            in_frames = {"frames": self._frames.shown(), "segments": segments}
            keys = {"key_frame_feature_map": self._frames.keyframes}
            return {**in_frames, **keys, **answers, **(relationships if self._relationships else {})}
        return {"objects": self._objects, **answers, **relationships}

    def _add_answer(self, content: Json, feature_id: str) -> None:
        feature = self._project.classifications.find(content)
        self._by_question[feature.name] = feature_id
        for entry, ranges in answers_of(content, feature, feature_id):
            self._classifications.append(entry)
            if ranges:
                self._segments[entry["feature_id"]] = ranges

    def _add_masks(self, line: Line) -> None:
        frames, masks = self._frames_of(line.content), line.content["masks"]
        for instance in masks["instances"]:
            feature, color = self._project.tools.find(instance), instance["colorRGB"]
            feature_id = derived_id(self._id(line.uuid), feature.name, str(color))

            def address(mask: Json, frame: int | None) -> str | None:
                return self._project.address(mask, line.uuid, self._row_id, frame)

            frames.add_masks(masks, feature, feature_id, color, address)

    def _object(self, line: Line, feature_id: str) -> Json:
        content = line.content
        feature = self._project.tools.find(content)
        shown: Json = feature.shown(feature_id)
        if "messageEvaluationTask" in content:
            del shown["value"]  # these have none (live test)

        def address(mask: Json, frame: int | None) -> str | None:
            return self._project.address(mask, line.uuid, self._row_id, frame)

        below = nested(content.get("classifications"), feature.below, feature_id)
        geometry = geometry_of(content, self._text, address)
        return {**shown, "annotation_kind": kind_of(content, self._project.media), "classifications": below, **geometry}

    def _frames_of(self, content: Json) -> Frames:
        return self._groups.get(str(content.get("groupKey", "")).title(), self._frames)

    def _end(self, reference: Any) -> str | None:
        uuid = canonical(reference)
        return self._id(uuid) if uuid else None

    def _id(self, uuid: bytes) -> str:
        return derived_id(self._label_id, uuid.hex())
