"""The job files need nothing of this package: a cluster gets one file and no more."""

import ast
import sys

import pytest

from spark.cluster import JOBS, NAMES

ELSEWHERE = {"pyspark", "numpy", "pyarrow"}


def imported(tree: ast.AST) -> set[str]:
    """Top-level names of all modules imported anywhere in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0] if not node.level else ".")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_job_imports_nothing_of_the_package(name):
    source = (JOBS / f"{name}.py").read_text()
    modules = imported(ast.parse(source))
    assert "pyspark" in modules
    assert modules <= ELSEWHERE | set(sys.stdlib_module_names), modules
    assert "recommendForAllUsers(" not in source


def test_what_imports_the_package_is_noticed():
    assert "recsys_cli" in imported(ast.parse("def f():\n    from recsys_cli.spark import x"))
    assert "." in imported(ast.parse("from . import launch"))
