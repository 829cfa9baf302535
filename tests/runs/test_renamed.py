"""Class paths of earlier versions: where they are replaced, and where text merely looks like them."""

import pytest

from pylos.runs.renamed import RENAMED, argument_with_new_class_paths, renamed_class, with_new_class_paths

OLD, NEW = "pylos.module.PylosModule", "pylos.PylosModule"


def test_class_paths_are_renamed_as_a_whole():
    for old, new in RENAMED.items():
        assert with_new_class_paths(f"class_path: '{old}'\n") == f"class_path: '{new}'\n"
        for other in (
            f"my.{old}",
            f"my_{old}",
            f"{old}s",
            f"{old}.Inner",
            f"runs/{old}",
            f"{old}/last.ckpt",
            new,
        ):
            assert with_new_class_paths(other) == other


@pytest.mark.parametrize("name", ["", "--model=", "--trainer.callbacks+="])
def test_arguments_that_are_class_paths_or_configurations_are_renamed(name):
    for form in ("{}", '{{"class_path": "{}"}}', "[{{class_path: {}}}]", "class_path: {}\ninit_args: {{}}"):
        assert argument_with_new_class_paths(name + form.format(OLD)) == name + form.format(NEW)
    for other in (
        f"runs/{OLD}",
        f"{OLD}/last.ckpt",
        f"my {OLD}",
        f"my={OLD}",
        f"{{dir: runs/{OLD}}}",
        NEW,
        "",
    ):
        assert argument_with_new_class_paths(name + other) == name + other


def test_the_class_of_a_checkpoint():
    assert renamed_class({"_class_path": OLD, "width": 8}) == {"_class_path": NEW}
    for other in ({}, {"_class_path": NEW}, {"_class_path": "my.Module"}, {"_class_path": [OLD]}):
        assert renamed_class(other) == {}
