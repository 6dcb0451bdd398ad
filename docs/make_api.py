"""Make docs/reference/python-api.md: signatures and docstrings of what users import, in plain Markdown.

`docs/make_tables.py` writes the page. Signatures are read from the source, so that every Python gives the same page.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from prelabel.annotations.base import Wire

HERE = Path(__file__).parent
WIDTH = 100
HEAD = """# Python API

What users import, with its signature and docstring. Everything else in these packages is private. Made from the source
by `make format`.

Every annotation also takes `schema_id`, `uuid`, `confidence`, `custom_metrics` and, where its kind has them,
`classifications` by name. What a field may hold is in [messages](messages.md).

A message or a part of one that is wrong raises `MessageError`, whether it is made by its type, published as a dict or
as JSON, built by a builder or converted from a label: with the same reason, path, found and expected value. The path is
that in what was made: `bbox.width` in an annotation, `annotations[3].bbox.width` in a message. It has the names of
JSON. Only if you put these types into a pydantic model of your own does pydantic raise its `ValidationError`.

| module | what it has |
|---|---|
"""
MODULES = {
    "prelabel": "publishers, the message, annotations, errors",
    "prelabel.builders": "annotations from a model's output",
    "prelabel.readers": "messages from other people's files",
    "prelabel.serving": "publishing beside the answers of a model server",
    "prelabel.testing": "publishers for unit tests, without Redis",
}
_PARTS = {
    "publishing": "Publishers",
    "mapping": "Mapping",
    "messages": "Messages",
    "annotations.classifications": "Answers",
    "annotations.objects": "Objects in images",
    "annotations.mask": "Objects in images",
    "annotations.relationship": "Relationships",
    "annotations.text": "Texts and conversations",
    "annotations.conversation": "Texts and conversations",
    "annotations.evaluation": "Texts and conversations",
    "annotations.document": "Documents",
    "annotations.video": "Videos",
    "annotations.video_masks": "Videos",
    "annotations.timed": "Answers with ranges",
    "annotations.geo": "Tiled imagery and DICOM",
    "annotations.dicom": "Tiled imagery and DICOM",
    "errors": "Errors",
}
_EVERYWHERE = {"schema_id", "misspelt_schema_id", "uuid", "confidence", "custom_metrics", "classifications"}
_CITATION = re.compile(r"docs/(?P<path>[\w/-]+\.md)(?P<anchor>#[\w-]+)?")
_ARGUMENT = re.compile(r"^    (\w+): ", re.MULTILINE)
_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class _Plain(ast.NodeTransformer):
    """Reduces a type to its name: `Annotated[str, Field(…)]` becomes `str`, `"Option"` becomes `Option`."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Return the type that an `Annotated` is about."""
        if ast.unparse(node.value) == "Literal":
            return node
        self.generic_visit(node)
        if ast.unparse(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple):
            return node.slice.elts[0]
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Return the name that a quoted type stands for."""
        return ast.Name(node.value) if isinstance(node.value, str) else node


def python_api() -> str:
    """Return the text of the page."""
    table = [f"| [`{name}`](#{name.replace('.', '')}) | {content} |" for name, content in MODULES.items()]
    parts = [HEAD + "\n".join(table)]
    for name in MODULES:
        module = import_module(name)
        parts += [f"## {name}", _markdown(module.__doc__), *_of_module(module)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _of_module(module: ModuleType) -> Iterator[str]:
    """Yield the entry of each public name; those of `prelabel` in the order of the parts."""
    names = sorted(_public(module), key=str.lower)
    if module.__name__ != "prelabel":
        for name in names:
            yield from _entry("###", name, getattr(module, name))
        return
    for title in dict.fromkeys(_PARTS.values()):
        yield f"### {title}"
        for name in names:
            if _part_of(getattr(module, name)) == title:
                yield from _entry("####", name, getattr(module, name))


def _public(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [name for name, value in vars(module).items() if name[0] != "_" and _is_of(value, module)]


def _is_of(value: Any, module: ModuleType) -> bool:
    return (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == module.__name__


def _part_of(value: Any) -> str:
    place = value.__module__.removeprefix("prelabel.")
    return _PARTS.get(place) or _PARTS[place.partition(".")[0]]


def _entry(level: str, name: str, value: Any) -> Iterator[str]:
    yield f"{level} {name}"
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        yield _of_constant(name)
        return
    node = _definition(value)
    signature = _of_class(name, value) if isinstance(node, ast.ClassDef) else [_signature(name, node, value)]
    yield "\n".join(["```python", *signature, "```"])
    yield _markdown(ast.get_docstring(node))
    if inspect.isclass(value) and issubclass(value, Enum):
        yield "[Reason codes](reasons.md) has all of them."
    if isinstance(node, ast.ClassDef):
        yield from _members(name, value)


def _of_constant(name: str) -> str:
    meaning = {"FORMATS": "The formats by name; `read(source, options)` of each yields records.", "Source": ""}
    return meaning.get(name) or "A type: records, and what is no record, in the order of the file."


def _definition(value: Any) -> _Definition:
    node = ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]
    if not isinstance(node, _Definition):
        raise TypeError(f"{value} is defined neither by class nor by def")
    return node


def _of_class(name: str, value: type) -> list[str]:
    """Return the lines of a constructor and of the fields that it takes by name."""
    bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
    lines = [f"class {name}({bases})" if bases else f"class {name}"]
    init, function = _constructor(value)
    if init is not None:
        lines = [_signature(name, init, function)]
    if issubclass(value, BaseModel) or hasattr(value, "__dataclass_fields__") or hasattr(value, "__total__"):
        taken = {argument.arg for argument in [*init.args.args, *init.args.kwonlyargs]} if init else {"name"}
        fields = [f"{name}: {kind}" for name, kind in _fields(value).items() if name not in taken]
        lines += ["", *fields] if fields else []
    return lines


def _constructor(value: type) -> tuple[Any, Any]:
    """Return the constructor that a class or one of its bases defines: its source and the function."""
    for base in value.__mro__:
        if base.__module__.partition(".")[0] == "prelabel" and not issubclass(base, Exception) and base is not Wire:
            for node in _definition(base).body:
                if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                    return node, base.__dict__["__init__"]
    return None, None


def _fields(value: type) -> dict[str, str]:
    """Return the public fields of a class and of its bases, with their types as the source has them."""
    fields: dict[str, str] = {}
    for base in reversed(value.__mro__):
        if base.__module__.partition(".")[0] == "prelabel":
            for node in _definition(base).body:
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                    kind = ast.unparse(_Plain().visit(node.annotation))
                    if (
                        node.target.id[0] != "_"
                        and not kind.startswith("ClassVar")
                        and node.target.id not in _EVERYWHERE
                    ):
                        fields[node.target.id] = kind + (f" = {ast.unparse(node.value)}" if node.value else "")
    return fields


def _members(name: str, value: type) -> Iterator[str]:
    """Yield the public methods and properties of a class, including those of its private bases."""
    known: dict[str, _Definition] = {}
    for base in reversed(value.__mro__):
        if base.__module__.partition(".")[0] == "prelabel" and not issubclass(value, BaseModel):
            for node in _definition(base).body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                    known[node.name] = node
    for member, node in known.items():
        if any(isinstance(mark, ast.Name) and mark.id == "property" for mark in node.decorator_list):
            kind = f": {ast.unparse(node.returns)}" if node.returns else ""
            yield f"```python\n{name}.{member}{kind}\n```"
        else:
            yield f"```python\n{_signature(f'{name}.{member}', node, getattr(value, member))}\n```"
        yield _markdown(ast.get_docstring(node))


def _signature(name: str, node: Any, function: Any) -> str:
    """Return a call, on one line where there is room, with types as the source has them and defaults as values."""
    arguments = node.args
    listed = [*arguments.posonlyargs, *arguments.args]
    shown = [_argument(each, function) for each in listed if each.arg not in ("self", "cls")]
    if arguments.posonlyargs and len(shown) > 0:
        shown.insert(len(arguments.posonlyargs) - (len(listed) - len(shown)), "/")
    if arguments.vararg:
        shown.append(f"*{_argument(arguments.vararg, None)}")
    elif arguments.kwonlyargs:
        shown.append("*")
    shown += [_argument(each, function) for each in arguments.kwonlyargs]
    shown += [f"**{_argument(arguments.kwarg, None)}"] if arguments.kwarg else []
    prefix = "await " if isinstance(node, ast.AsyncFunctionDef) else ""
    kind = f" -> {ast.unparse(node.returns)}" if node.returns and ast.unparse(node.returns) != "None" else ""
    line = f"{prefix}{name}({', '.join(shown)}){kind}"
    return (
        line if len(line) <= WIDTH else "\n".join([f"{prefix}{name}(", *(f"    {each}," for each in shown), f"){kind}"])
    )


def _argument(argument: ast.arg, function: Any) -> str:
    kind = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
    default = inspect.signature(function).parameters[argument.arg].default if function else inspect.Parameter.empty
    if default is inspect.Parameter.empty:
        return f"{argument.arg}{kind}"
    value = f"{default:_}" if type(default) is int else repr(default)
    return f"{argument.arg}{kind} = {value}"


def _markdown(docstring: str | None) -> str:
    """Return a docstring with its arguments as a list, its trees as code, and its citations as links."""
    text = inspect.cleandoc(docstring or "")
    head, arguments, tail = text.replace("\nAttributes:\n", "\nArgs:\n").partition("\nArgs:\n")
    if arguments:
        listed, _, rest = tail.partition("\n\n")
        listed = _ARGUMENT.sub(r"- `\1`: ", listed).replace("\n        ", "\n  ")
        text = f"{head}\n{listed}\n\n{rest}".rstrip()
    text = re.sub(r"((?:^[^\n]*[├└│][^\n]*\n?)+)", r"\n```text\n\1\n```\n", text, flags=re.MULTILINE)
    return _CITATION.sub(_link, text).strip()


def _link(citation: re.Match[str]) -> str:
    path = HERE / citation["path"]
    title = path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
    target = (
        path.relative_to(HERE / "reference") if path.is_relative_to(HERE / "reference") else f"../{citation['path']}"
    )
    return f"[{title}{(citation['anchor'] or '').replace('#', ' ')}]({target}{citation['anchor'] or ''})"
