"""The package as a whole: its public names, and which way its imports point."""

import ast
from pathlib import Path

import dawu_qa

PACKAGE = Path(dawu_qa.__file__).parent
#: Each room may import from those before it.
LAYERS = (
    {"__about__", "errors", "types", "config"},
    {"quantities", "folding", "dictionary", "weights", "small_talk", "default_model", "layers", "threads"},
    {"corpus", "joint", "adapter"},
    {"encoder"},
    {"index"},
    {"retrieval"},
    {"reader"},
    {"conversation", "explanation", "figure_table", "drafting"},
    {"pipeline", "feedback"},
    {"evaluation", "terminal"},
    {"web"},
    {"cli", "__main__"},
)


def room(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("dawu_qa."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.ImportFrom) and node.module == "dawu_qa":
            yield from (name.name for name in node.names)


def test_imports_point_from_the_surface_down():
    level = {name: at for at, layer in enumerate(LAYERS) for name in layer}
    for path in PACKAGE.rglob("*.py"):
        own = room(path)
        if own == "__init__":
            continue
        for other in imported(path):
            assert level[other] <= level[own], f"{path.name} in {own} imports {other}"


def test_public_names_exist_and_are_sorted():
    assert all(hasattr(dawu_qa, name) for name in dawu_qa.__all__)
    assert list(dawu_qa.__all__) == sorted(dawu_qa.__all__, key=lambda name: (not name[0].isupper(), name))


def test_modules_are_small():
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path.name
