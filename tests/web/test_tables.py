"""Tables are opened once, and found when they appear."""

import shutil

import pytest

from pylos.errors import RulesError
from pylos.solution.tables import DISTANCES, VALUES, table_path
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
