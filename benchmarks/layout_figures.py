"""Figures of trees: `python benchmarks/layout_figures.py [FOLDER ...]`, a column for each."""

from __future__ import annotations

import ast
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

APART = {"tests", "benchmarks", "docs", "examples", "build", "dist"}
MOST_PARAMETERS = 6


def modules(root: Path) -> dict[str, tuple[Path, ast.Module]]:
    """Every module of the package by its dotted name below the root."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[0] not in APART and not parts[0].startswith("."):
            name = ".".join(part for part in parts if part != "__init__")
            found[name] = (path, ast.parse(path.read_text()))
    return found


def imports(name: str, path: Path, tree: ast.Module, known: set[str]) -> set[str]:
    """The modules of the package that a module imports when it is imported itself."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    reached = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            module = ".".join([*base, *((node.module or "").split(".") if node.module else [])])
            below = {f"{module}.{alias.name}".strip(".") for alias in node.names} & known
            reached |= below or ({module} & known)
    return reached - {name}


def edges(found: dict[str, tuple[Path, ast.Module]]) -> dict[str, set[str]]:
    """Every module's imports."""
    return {name: imports(name, path, tree, set(found)) for name, (path, tree) in found.items()}


def functions(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Public functions, methods and constructors with the names of their parameters."""
    classes = [c for c in tree.body if isinstance(c, ast.ClassDef) and not c.name.startswith("_")]
    for holder, prefix in [(tree, ""), *((c, f"{c.name}.") for c in classes)]:
        for node in holder.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                args = node.args
                names = [a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
                if not node.name.startswith("_") or node.name == "__init__":
                    yield prefix + node.name, [n for n in names if n not in ("self", "cls")]


def in_circles(reached: dict[str, set[str]]) -> list[str]:
    """The modules that reach themselves through imports."""
    return [name for name in reached if name in _all_reached(name, reached)]


def _all_reached(name: str, reached: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = list(reached[name])
    while ahead:
        module = ahead.pop()
        if module not in seen:
            seen.add(module)
            ahead += reached[module]
    return seen


def figures(root: Path) -> dict[str, float]:
    """Every figure by what it is."""
    found = modules(root)
    plain = {name: path for name, (path, _) in found.items() if path.name != "__init__.py"}
    lines = [len(path.read_text().splitlines()) for path in plain.values()]
    reached = edges(found)
    users = defaultdict(set)
    for name, others in reached.items():
        for other in others:
            users[other].add(name)
    public = sum(
        isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        for _, tree in found.values()
        for node in tree.body
    )
    doors = list(root.glob("*/__init__.pyi"))
    listed = sum(text.count("\nfrom ") for text in (door.read_text() for door in doors))
    many = [f for _, tree in found.values() for f in functions(tree) if len(f[1]) > MOST_PARAMETERS]
    return {
        "files": len(plain),
        "lines": sum(lines),
        "lines of the median file": statistics.median(lines),
        "files of over 300 lines": sum(count > 300 for count in lines),
        "public functions and classes": public,
        "names that doors list": listed,
        "files that one other imports": sum(len(users[name]) == 1 for name in plain),
        "files in circles of imports": len(in_circles(reached)),
        f"public functions of over {MOST_PARAMETERS} parameters": len(many),
        "largest number of parameters": max((len(f[1]) for f in many), default=0),
    }


def main() -> None:
    roots = [Path(word) for word in sys.argv[1:]] or [Path(__file__).resolve().parents[1]]
    columns = [figures(root) for root in roots]
    for name in columns[0]:
        print(f"{name:44}", *(f"{column[name]:10g}" for column in columns))


if __name__ == "__main__":
    main()
