from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from callbacks.solution import table_of_run
from pylos.solution.solving import solve

RULES = "mini-standard"


class Trainer(SimpleNamespace):
    """What `table_of_run` sees of a trainer, with another rank that has a table or not."""

    def __init__(self, rules: str = RULES, other_rank: bool = True) -> None:
        super().__init__(
            lightning_module=SimpleNamespace(hparams={"rules": rules}),
            strategy=SimpleNamespace(reduce_boolean_decision=lambda found: found and other_rank),
        )


def test_the_table_of_the_rules_that_are_learned(solved: Path):
    for distances in (False, True):
        assert table_of_run(Trainer(), distances).rules == RULES
        assert table_of_run(Trainer("mini-mature"), distances).rules == "mini-mature"
    assert table_of_run(Trainer("standard")) is None


def test_a_table_is_of_use_only_where_all_ranks_have_one(solved: Path):
    assert table_of_run(Trainer(other_rank=False)) is None


def test_values_alone_are_enough_only_where_no_distances_are_needed(unsolved: Path):
    assert table_of_run(Trainer()) is None
    solve(RULES)
    assert table_of_run(Trainer()).rules == RULES
    assert table_of_run(Trainer(), distances=True) is None


def test_a_damaged_table_is_warned_of(solved_folder: Path, unsolved: Path):
    shutil.copytree(solved_folder / "tables", unsolved / "tables", ignore=shutil.ignore_patterns("*.checked"))
    with open(unsolved / "tables" / f"{RULES}.distances", "r+b") as file:
        file.truncate(9000)
    with pytest.warns(UserWarning, match=rf"not compared with perfect play: .*{RULES}\.distances is damaged"):
        assert table_of_run(Trainer()) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert table_of_run(Trainer("mini-mature")) is not None
