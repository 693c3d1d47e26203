"""The files around the source agree with each other and with any machine."""

from __future__ import annotations

import importlib.metadata
import os
import re
import stat
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from meta.source_tree import PACKAGE, ROOT, SOURCE

UNIT_TESTS = ROOT / "tests" / "unit"
LEFT_BY_TOOLS = {"__pycache__", "build", "dist", "node_modules"}
HIDDEN_BUT_OURS = {".ci", ".gitignore"}

# Put together here so that this file does not hold what it looks for.
REGISTRY_HOSTS = [
    f"{name}.{domain}"
    for name, domain in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("debian", "org"),
        ("golang", "org"),
        ("crates", "io"),
        ("ghcr", "io"),
        ("docker", "io"),
    ]
]
MACHINE_PATHS = re.compile(rb"(?<![\w.])/(?:" + b"|".join([b"root/", rb"home/\w", b"work/", b"opt/wheels"]) + b")")


def project_files():
    """Every file of the project; what tools leave behind and hidden files are not of the project."""
    for folder, names, files in os.walk(ROOT):
        names[:] = [name for name in names if is_ours(name)]
        yield from (ROOT / folder / name for name in files if is_ours(name))


def is_ours(name):
    hidden = name.startswith(".") and name not in HIDDEN_BUT_OURS
    return not hidden and name not in LEFT_BY_TOOLS and not name.endswith((".egg-info", ".pyc"))


@cache
def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def pins():
    """Name -> version of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    split = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in split}


def requirements():
    """Every dependency that pyproject.toml names, of any kind."""
    project = pyproject()["project"]
    groups = [
        pyproject()["build-system"]["requires"],
        project["dependencies"],
        *project["optional-dependencies"].values(),
    ]
    lines = [line for group in groups for line in group]
    return [Requirement(line) for line in lines if Requirement(line).name != PACKAGE]


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_no_file_names_a_registry_host(host):
    named = [path for path in project_files() if host.encode() in path.read_bytes()]

    assert named == []


def test_no_file_names_a_path_of_one_machine():
    named = [str(path.relative_to(ROOT)) for path in project_files() if MACHINE_PATHS.search(path.read_bytes())]

    assert named == []


@pytest.mark.parametrize("parts", [("root", "notes.txt"), ("home", "someone"), ("opt", "wheels")])
def test_path_of_one_machine_is_noticed(parts):
    path = "/".join(["", *parts])

    assert MACHINE_PATHS.search(f"see {path}".encode())
    assert not MACHINE_PATHS.search(f"https://example.com{path}".encode())


def test_constraints_are_plain_pins():
    """Each line is `name==version`: no address, no hash, no range."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line)]

    assert wrong == []


def test_constraints_pin_every_dependency_that_pyproject_names():
    missing = [item.name for item in requirements() if canonicalize_name(item.name) not in pins()]

    assert missing == []


def test_pinned_versions_are_ones_that_pyproject_allows():
    refused = [str(item) for item in requirements() if pins()[canonicalize_name(item.name)] not in item.specifier]

    assert refused == []


def test_constraints_pin_what_the_dependencies_need_themselves():
    known = {canonicalize_name(item.name) for item in requirements() if applies(item)}
    todo = sorted(known)
    while todo:
        fresh = {name for name in needs(todo.pop()) if name not in known}
        known |= fresh
        todo += fresh

    assert sorted(known - pins().keys()) == []


def needs(name):
    """Names that an installed distribution requires here; the build backend is not installed where tests run."""
    try:
        lines = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return set()
    return {canonicalize_name(item.name) for item in map(Requirement, lines) if applies(item)}


def applies(item):
    return item.marker is None or item.marker.evaluate({"extra": ""})


SCRIPTS = [ROOT / ".ci" / "run", *sorted((ROOT / "scripts").iterdir())]


@pytest.mark.parametrize("script", [path for path in SCRIPTS if path.is_file()], ids=lambda path: path.name)
def test_script_is_executable_and_parses(script):
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_bytes().startswith(b"#!/usr/bin/env bash\n")
    assert subprocess.run(["bash", "-n", script], timeout=10, check=False).returncode == 0


def test_every_unit_test_mirrors_a_source_file():
    """tests/unit/core/test_cursor.py is the test of src/longwave/core/cursor.*, tests/unit/test_hub.py of hub.py.

    What is too much for one sitting stands in parts beside it, one aspect in each: test_hub.py, test_hub_publishing.py.
    """
    orphans = [
        str(path.relative_to(ROOT))
        for path in sorted(UNIT_TESTS.rglob("test_*.py"))
        if not has_a_source(path.relative_to(UNIT_TESTS).parent, path.stem.removeprefix("test_"))
    ]

    assert orphans == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hub", True),
        ("hub_publishing", True),
        ("hub_", False),  # no aspect
        ("hubs", False),
        ("nothing_publishing", False),  # no such source
        ("py_typed", False),  # there is py.typed, but no test_py.py
    ],
)
def test_part_of_the_tests_of_a_source_file_is_known_by_the_whole_beside_it(name, expected):
    assert has_a_source(Path(), name) is expected


def has_a_source(folder, name):
    return is_mirrored(folder, name) or any(
        is_mirrored(folder, whole) and (UNIT_TESTS / folder / f"test_{whole}.py").exists() for whole in wholes(name)
    )


def wholes(name):
    """All names of which this one may be a part: `a_b_c` of `a_b` and of `a`."""
    words = name.split("_")
    return ["_".join(words[:count]) for count in range(1, len(words)) if all(words)]


def is_mirrored(folder, stem):
    names = {stem, f"__{stem}__", f"_{stem}"}
    return any(path.stem in names for path in (SOURCE / folder).glob("*.*"))
