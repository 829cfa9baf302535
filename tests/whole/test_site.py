"""The pages of the site that are made from the source, and its list of contents. `make docs` builds all of it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import pylos
from pylos.cli.arguments import LIGHTNING_COMMANDS, command_parser
from tests.support.pages import PAGES, ROOT, name_of, read

UNDESCRIBED = {"cli", "system", "web"}
"""Wings that nobody imports from outside: the command, the page, and what lies between us and the machine."""


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated_pages", ROOT / "docs" / "generated_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(generated: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    generated.write_pages(folder)
    return folder


@pytest.fixture(scope="module")
def reference(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in folder.iterdir()}


def test_every_wing_is_described_or_left_out_on_purpose(generated: ModuleType):
    wings = {path.parent.name for path in (ROOT / "pylos").glob("*/__init__.py")}
    assert {*generated.WINGS} | UNDESCRIBED == wings
    assert len(generated.WINGS) + len(UNDESCRIBED) == len(wings)


def test_every_public_name_is_described(reference: dict[str, str]):
    described = re.findall(r"auto(?:class|function):: pylos\.(\w+)", reference["pylos"])
    assert sorted(described) == sorted(name for name in pylos.__all__ if not name.startswith("_"))


def test_every_file_of_a_wing_is_described(generated: ModuleType, reference: dict[str, str]):
    for wing in generated.WINGS:
        folder = ROOT / "pylos" / wing
        files = {path for path in folder.rglob("*.py") if path.stem != "__init__"}
        names = {path.relative_to(folder).with_suffix("").as_posix().replace("/", ".") for path in files}
        assert set(re.findall(rf"automodule:: pylos\.{wing}\.([\w.]+)", reference[wing])) == names


def test_every_subcommand_has_its_options(reference: dict[str, str]):
    page = reference["command"]
    subcommands = next(a for a in command_parser()._actions if a.choices)
    for name, parser in subcommands.choices.items():
        _, _, section = page.partition(f"## `pylos {name}`\n")
        section = section.partition("\n## ")[0]
        assert section, name
        for action in parser._actions:
            for option in action.option_strings:
                assert option in ("-h", "--help") or f"`{option}" in section, option
        if name in LIGHTNING_COMMANDS:
            assert "`--ckpt_path" in section
    assert all(
        f"`--{option}`" in page for option in ("model.width", "data.simulations", "trainer.max_epochs")
    )


def test_a_page_that_has_not_changed_is_not_written_again(generated: ModuleType, folder: Path):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "gone.md").touch()
    generated.write_pages(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_every_page_is_in_the_contents():
    """Sphinx warns of it, too; this names the place where it belongs."""
    contents = read(ROOT / "docs" / "index.md")
    listed = set(re.findall(r"^(?:.*<)?([\w/]+)>?$", contents, re.MULTILINE))
    for page in PAGES:
        name = name_of(page).removeprefix("docs/").removesuffix(".md")
        assert name == "index" or name.isupper() or name in listed, f"{name} is not in docs/index.md"
