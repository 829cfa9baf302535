"""Tables are opened once, and found when they appear."""

import shutil

import pytest

from pylos.errors import RulesError, TableError
from pylos.solution.tables import DISTANCES, VALUES, table_path
from pylos.web import tables as table_module
from pylos.web.tables import Tables


def test_a_table_is_opened_once(solved):
    tables = Tables()
    table = tables.find("mini-standard")
    assert table.has_distances
    assert tables.find("mini-standard", distances=True) is table
    tables.warm_up("mini-standard")


def test_what_is_not_solved_is_none(solved):
    tables = Tables()
    assert tables.find("standard") is None
    tables.warm_up("standard")
    with pytest.raises(RulesError):
        tables.find("nonsense")


def test_a_table_that_appears_is_found(solved_folder, unsolved):
    tables = Tables()
    for kind, distances in ((VALUES, False), (DISTANCES, True)):
        assert tables.find("mini-children", distances) is None
        there = table_path("mini-children", kind)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(solved_folder / "tables" / there.name, there)
        assert tables.find("mini-children", distances).has_distances == distances


def test_a_damaged_table_is_read_once_and_a_new_one_is_found(solved_folder, unsolved, monkeypatch):
    tables, there = Tables(), table_path("mini-children", VALUES)
    sound = (solved_folder / "tables" / there.name).read_bytes()
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    with monkeypatch.context() as patch:
        for _ in range(2):
            with pytest.raises(TableError, match="damaged"):
                tables.find("mini-children")
            patch.setattr(table_module, "Tablebase", None)  # so it cannot be opened again
    there.with_name("new").write_bytes(sound)
    there.with_name("new").replace(there)
    assert tables.find("mini-children") is not None
