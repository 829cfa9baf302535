import re

import pytest

from pylos.cli.option_errors import MOST_CHARACTERS, did_you_mean, errors_in_one_line, shorten
from pylos.errors import ConfigurationError, RulesError


def test_complaints_are_short():
    assert shorten("Option\n  'x' is not accepted") == "Option 'x' is not accepted"
    union = """Parser key "trainer.max_epochs":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'int'>, <class 'NoneType'>]
  Errors:
    - Expected a <class 'int'>
    - Expected a <class 'NoneType'>
  Given value type: <class 'str'>
  Given value: many"""
    assert shorten(union) == "trainer.max_epochs must be a whole number or null, got many"
    of_a_class = """Parser key "model":
  - Expected a path but x either not accessible or invalid
  - Does not validate against any of the Union subtypes
  Subtypes: [<class 'pylos.training.module.PylosModule'>, <class 'NoneType'>]
  Errors:
    - Problem with given class_path 'pylos.PylosModule':
        Parser key "width":
          Expected a <class 'int'>. Got value: x
    - Expected a <class 'NoneType'>
  Given value type: <class 'str'>
  Given value: x"""
    assert shorten(of_a_class) == "model.width must be a whole number, got x"
    unknown = "Problem with given class_path 'my.Module': Option 'wdith' is not accepted"
    assert shorten(f'Parser key "model": {unknown}') == "my.Module has no option model.wdith"
    assert len(shorten("x" * 10_000)) == MOST_CHARACTERS


def test_the_nearest_option_is_named():
    def unknown(path, name):
        problem = f"Problem with given class_path '{path}': Option '{name}' is not accepted"
        return shorten(f'Parser key "data": {problem}')

    path = "pylos.SelfPlayDataModule"
    assert (
        unknown(path, "simulation") == f"{path} has no option data.simulation; did you mean data.simulations?"
    )
    assert unknown(path, "colour") == f"{path} has no option data.colour"
    assert unknown("no.Such", "simulation") == "no.Such has no option data.simulation"
    assert did_you_mean("--trainer.max_epoch", ["--trainer.max_epochs", "--config"]) == (
        "; did you mean --trainer.max_epochs?"
    )


@pytest.mark.parametrize(
    "message", ["No supported gpu backend found!", "`CUDAAccelerator` can not run on your system since it is"]
)
def test_who_has_no_gpu_is_told_what_to_do(message):
    assert re.search("take the preset quick or laptop, or --trainer.accelerator cpu", shorten(message))


def test_types_of_types_are_one_list_of_reasons():
    inner = """Does not validate against any of the Union subtypes
      Subtypes: [<class 'str'>, <class 'bool'>]
      Errors:
        - Expected a <class 'str'>
        - Expected a <class 'bool'>
      Given value type: <class 'float'>
      Given value: 1.5"""
    outer = f"""Parser key "a":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'int'>, list]
  Errors:
    - Expected a <class 'int'>
    - {inner}
  Given value type: <class 'float'>
  Given value: 1.5"""
    assert shorten(outer) == "a must be a whole number or a text or true or false, got 1.5"


def test_the_reason_is_found_behind_other_errors():
    def fail(error):
        with errors_in_one_line():
            raise ValueError("Does not validate against any of the Union subtypes") from error

    def fail_while_handling(error):
        with errors_in_one_line():
            try:
                raise error
            except RulesError:
                raise ValueError("it does not name its cause")  # noqa: B904  # as jsonargparse does, too

    with pytest.raises(RulesError, match="no rules"):
        fail(RulesError("no rules"))
    with pytest.raises(RulesError, match="no rules"):
        fail_while_handling(RulesError("no rules"))
    with pytest.raises(ConfigurationError, match="Does not validate"):
        fail(IndexError())
