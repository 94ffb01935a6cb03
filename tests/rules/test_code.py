"""Rules for the code that no off-the-shelf tool checks. Each answers with the places that break it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import tocsin

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tocsin"
MOST_LINES_OF_A_FILE = 450
MOST_LINES_OF_A_FUNCTION = 80

FILES = sorted(SOURCE.rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(text(file))


def place(file: Path, line: int) -> str:
    return f"{file.relative_to(ROOT)}:{line}"


def nodes(*kinds: type[ast.AST], besides: tuple[str, ...] = ()) -> Iterator[tuple[Path, ast.AST]]:
    """Every node of these kinds, outside the files and folders `besides`."""
    for file in FILES:
        if not file.relative_to(SOURCE).as_posix().startswith(besides or ("\0",)):
            yield from ((file, node) for node in ast.walk(tree(file)) if isinstance(node, kinds))


def test_the_rules_see_the_code() -> None:
    assert len(FILES) > 50


def test_a_file_holds_one_concept() -> None:
    lengths = {str(file.relative_to(ROOT)): len(text(file).splitlines()) for file in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FILE} == {}, "split by concept"


def test_a_function_fits_a_screen() -> None:
    found = [
        place(file, node.lineno)
        for file, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, Function) and (node.end_lineno or 0) - node.lineno >= MOST_LINES_OF_A_FUNCTION
    ]
    assert found == []


def test_imports_stand_at_the_top() -> None:
    """A registry may load its members lazily, by importlib; nobody hides an import from the layer checker."""
    found = [
        place(file, inner.lineno)
        for file, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert found == []
    assert [str(file) for file in FILES if "TYPE_CHECKING" in text(file)] == []


def test_every_module_says_what_it_is() -> None:
    assert [str(file) for file in FILES if text(file).strip() and not ast.get_docstring(tree(file))] == []


def test_sql_is_in_the_store_only() -> None:
    sql = re.compile(
        r"\s*(SELECT\s.*\sFROM\s|INSERT INTO\s|UPDATE\s+\w+\s+SET\s|DELETE FROM\s|CREATE (TABLE|INDEX)\s|NOTIFY\s)",
        re.DOTALL,
    )
    found = [
        place(file, node.lineno)
        for file, node in nodes(ast.Constant, besides=("store/",))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and sql.match(node.value)
    ]
    assert found == []


def test_only_the_clock_reads_the_clock() -> None:
    """`datetime.now()` and friends. (Monotonic time, which measures how long, is anybody's outside the core.)"""
    found = [
        place(file, node.lineno)
        for file, node in nodes(ast.Call, besides=("clock.py",))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("now", "utcnow", "today")
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("datetime", "date", "dt")
    ]
    assert found == []


def test_transactions_open_in_flow_and_manage_only() -> None:
    found = [
        str(file.relative_to(ROOT))
        for file in FILES
        if file.relative_to(SOURCE).parts[0] not in ("flow", "manage", "store")
        and re.search(r"\bdb\.transaction\(", text(file))
    ]
    assert found == []


def test_the_story_has_a_table_of_contents() -> None:
    contents = ast.get_docstring(tree(SOURCE / "flow" / "__init__.py")) or ""
    told = re.findall(r"^\s*(?:\d+\.|-)?\s*`(\w+)`", contents, re.MULTILINE)
    assert sorted(told) == sorted(file.stem for file in (SOURCE / "flow").glob("*.py") if file.stem != "__init__")


def test_the_version_is_the_changelogs_top_one() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\d+\.\d+\.\d+)", changelog, re.MULTILINE)[:1] == [tocsin.__version__]
