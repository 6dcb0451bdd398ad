"""Names that are loaded when they are first used are the ones that type checkers see."""

import ast
import gc
from importlib import import_module

import pytest

import prelabel
from prelabel import builders
from prelabel.lazy import without_collections
from tests.support.sources import ROOT, SOURCES

PACKAGES = {"prelabel": prelabel, "prelabel.builders": builders}


def seen_by_type_checkers(package: str) -> dict[str, str]:
    """Each name that a package imports under TYPE_CHECKING, and its module."""
    tree = SOURCES[ROOT.joinpath("producers", *package.split("."), "__init__.py")]
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    return {
        alias.name: str(node.module) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


SEEN = [(package, *seen) for package in PACKAGES for seen in seen_by_type_checkers(package).items()]


@pytest.mark.parametrize("package", PACKAGES)
def test_all_has_exactly_the_names_that_type_checkers_see(package: str) -> None:
    exported = PACKAGES[package].__all__

    assert set(exported) == {*seen_by_type_checkers(package)} - {"__version__"}
    assert exported == sorted(exported)
    assert set(exported) <= set(dir(PACKAGES[package]))


@pytest.mark.parametrize(("package", "name", "module"), SEEN)
def test_a_name_is_loaded_from_where_type_checkers_find_it(package: str, name: str, module: str) -> None:
    found = PACKAGES[package]

    assert found.__getattr__(name) is getattr(import_module(module), name)
    assert getattr(found, name) is vars(found)[name]


@pytest.mark.parametrize("package", PACKAGES)
def test_another_name_is_an_attribute_error(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'Nothing'"):
        _ = PACKAGES[package].Nothing


def test_every_name_of_prelabel_can_be_imported_at_once() -> None:
    names: dict[str, object] = {}
    exec("from prelabel import *", names)

    assert set(prelabel.__all__) <= set(names)


def test_the_garbage_collector_is_as_it_was_after_imports_without_it() -> None:
    with without_collections():
        with without_collections():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_import_that_fails_leaves_the_garbage_collector_on() -> None:
    with pytest.raises(ImportError), without_collections():
        import_module("prelabel.nothing")

    assert gc.isenabled()
