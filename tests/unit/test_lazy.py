"""Names that are loaded when they are first used are the ones that type checkers see."""

import ast
from importlib import import_module

import pytest

import prelabel
from tests.support.sources import ROOT, SOURCES


def seen_by_type_checkers() -> dict[str, str]:
    """Each name that `prelabel` imports under TYPE_CHECKING, and its module."""
    tree = SOURCES[ROOT / "producers" / "prelabel" / "__init__.py"]
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    return {
        alias.name: str(node.module) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def test_what_is_exported_is_what_type_checkers_see() -> None:
    assert {*prelabel.__all__, "__version__"} == set(seen_by_type_checkers())
    assert prelabel.__all__ == sorted(prelabel.__all__)
    assert set(prelabel.__all__) <= set(dir(prelabel))


@pytest.mark.parametrize(("name", "module"), seen_by_type_checkers().items())
def test_a_name_is_loaded_from_where_type_checkers_find_it(name: str, module: str) -> None:
    assert prelabel.__getattr__(name) is getattr(import_module(module), name)
    assert getattr(prelabel, name) is vars(prelabel)[name]


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'prelabel' has no attribute 'Nothing'"):
        _ = prelabel.Nothing  # type: ignore[attr-defined]
