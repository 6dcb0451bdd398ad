"""msgspec structs derived from the pydantic models: one definition, two readers.

The models are the definition and explain refusals; the structs read the same JSON about six times as fast. They have
the models' fields, aliases, types and bounds; rules between fields are the models' own `CHECKS`.
"""

import threading
import types
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

import annotated_types
import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_BOUNDS = {
    annotated_types.Gt: ("gt", "gt"),
    annotated_types.Ge: ("ge", "ge"),
    annotated_types.Le: ("le", "le"),
    annotated_types.Lt: ("lt", "lt"),
    annotated_types.MinLen: ("min_length", "min_length"),
    annotated_types.MaxLen: ("max_length", "max_length"),
}


class Structs:
    """Creates structs for models, one per model; in `namespace` they find each other by name."""

    def __init__(self, module: str, namespace: dict[str, Any]) -> None:
        self._module = module
        self._namespace = namespace
        self._started: set[str] = set()
        self.lock = threading.Lock()
        """For code that creates structs when messages are read, which threads may do at the same time."""

    def of(self, model: type[BaseModel]) -> Any:
        """Return the struct of a model, or a reference to it while it is being created: models nest recursively."""
        name = f"{model.__name__}Struct"
        if name in self._namespace:
            return self._namespace[name]
        if name in self._started:
            return ForwardRef(name, module=self._module)
        self._started.add(name)
        return self.define(name, self.fields(model))

    def of_message(
        self,
        name: str,
        model: type[BaseModel],
        annotation: Any,
        constants: Mapping[str, Any],
        **instead: tuple[str, Any, bool],
    ) -> type[msgspec.Struct]:
        """Create a struct of messages that reads the annotations as this type, and the fields `instead` as given."""
        fields = self.fields(model) | instead | {"annotations": ("annotations", list[annotation], True)}
        return self.define(name, fields, constants)

    def define(
        self, name: str, fields: dict[str, tuple[str, Any, bool]], constants: Mapping[str, Any] = MappingProxyType({})
    ) -> type[msgspec.Struct]:
        """Create a struct; `fields` maps a name to (alias, type, required).

        Optional fields that are absent are None, and are left out when the struct is encoded. `constants` are
        attributes that are the same in all instances, for code that reads them from structs of several types.
        """
        specs: list[Any] = [
            (field, kind) if required else (field, kind | None, None) for field, (_, kind, required) in fields.items()
        ]
        struct = msgspec.defstruct(
            name,
            specs,
            module=self._module,
            namespace={name: value for name, value in constants.items() if name not in fields},
            kw_only=True,
            forbid_unknown_fields=True,
            omit_defaults=True,
            gc=False,  # many objects without cycles, which the collector would check in vain
            rename={field: alias for field, (alias, _, _) in fields.items()},
        )
        self._namespace[name] = struct
        return struct

    def fields(self, model: type[BaseModel]) -> dict[str, tuple[str, Any, bool]]:
        """Return the fields of a model: name → (alias, type, required)."""
        return {
            name: (field.alias or name, self._type(field.annotation, field.metadata), field.is_required())
            for name, field in model.model_fields.items()
        }

    def _type(self, kind: Any, metadata: Iterable[Any]) -> Any:
        """Return the same type for msgspec, without `None`, which optional fields get from their default."""
        origin = get_origin(kind)
        if origin is Annotated:
            inner, *more = get_args(kind)
            return self._type(inner, [*metadata, *_flat(more)])
        if origin in (Union, types.UnionType):
            members = [self._type(member, metadata) for member in get_args(kind) if member is not type(None)]
            return Union[tuple(members)]  # noqa: UP007 - made at run time
        if origin is list:
            return _bounded(list[self._type(get_args(kind)[0], [])], metadata)  # type: ignore[misc]
        if origin is Literal:
            return kind
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self.of(kind)
        return _bounded(kind, metadata)


def _flat(metadata: Iterable[Any]) -> Iterable[Any]:
    for item in metadata:
        yield from item.metadata if isinstance(item, FieldInfo) else [item]


def _bounded(kind: Any, metadata: Iterable[Any]) -> Any:
    bounds: dict[str, Any] = {}
    for constraint in metadata:
        if type(constraint) in _BOUNDS:
            name, attribute = _BOUNDS[type(constraint)]
            bounds[name] = getattr(constraint, attribute)
        elif pattern := getattr(constraint, "pattern", None):
            bounds["pattern"] = pattern
        elif isinstance(constraint, annotated_types.BaseMetadata):
            raise TypeError(f"{constraint} has no counterpart here, and a bound that is left out is not enforced")
    return Annotated[kind, msgspec.Meta(**bounds)] if bounds else kind
