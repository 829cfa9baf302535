"""The digest of a kernel changes with everything that its machine code depends on, and with nothing else."""

import collections
import enum
import importlib
import math
import pkgutil
import re
from pathlib import Path
from types import FunctionType

import numba
import numpy as np
import pytest
from numba import types
from numba.core.registry import CPUDispatcher
from numba.extending import intrinsic

import pylos
from pylos.game import rules
from pylos.kernels.cache import KernelCache
from pylos.kernels.digest import UnknownDependencyError, kernel_digest
from pylos.kernels.jit import jit

INTEGER = (types.int64,)


def define(text: str, **names) -> CPUDispatcher:
    """The kernel `kernel` of a module with this text and these names."""
    names = {"__name__": "pylos.sample", "jit": jit, "intrinsic": intrinsic, "types": types, **names}
    exec(text, names)
    return names["kernel"]


def digest_of(text: str, signature=INTEGER, **names) -> bytes:
    return kernel_digest(define(text, **names), signature)


# The kernels of the package --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def modules():
    """All modules that can be imported here."""
    found = []
    for module in pkgutil.walk_packages(pylos.__path__, "pylos."):
        try:
            if not module.name.endswith("__main__"):
                found.append(importlib.import_module(module.name))
        except ModuleNotFoundError as error:  # of an extra
            if error.name.startswith("pylos"):
                raise
    return found


def test_it_is_known_what_each_kernel_of_the_package_depends_on(modules):
    kernels = {
        value for module in modules for value in vars(module).values() if isinstance(value, CPUDispatcher)
    }
    assert len(kernels) > 100
    assert len({kernel_digest(kernel, INTEGER) for kernel in kernels}) == len(kernels)
    for kernel in kernels:
        assert isinstance(kernel._cache, KernelCache)
        assert kernel_digest(kernel, INTEGER) == kernel_digest(kernel, INTEGER, afresh=True)


def test_nothing_of_the_package_changes_what_names_of_libraries_mean(modules):
    """An `overload` of a function of NumPy would be no part of a digest."""
    for module in modules:
        source = Path(module.__file__).read_text(encoding="utf-8")
        assert not re.search(r"\b(overload(_\w+)?|lower_builtin|type_callable|infer_global)\b", source), (
            module
        )


# What changes a digest, and what does not --------------------------------------------------------------------------

PLAIN = "@jit\ndef kernel(x):\n    return x + 1"


def array(*numbers, **options):
    return np.array(numbers, **options)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        (None, 0),
        ("a", b"a"),
        ((1, 2), (2, 1)),
        ((1, (2, 3)), (1, 2, 3)),
        (slice(1), slice(2)),
        (np.int64(1), 1),
        (np.int64(1), np.uint64(1)),
        (array(1, 2), array(1, 3)),
        (array(1, 2), array(1, 2, dtype=np.uint64)),
        (array(1, 2), array([1, 2])),
        (array([1, 2], [3, 4]), array([1, 2], [3, 4], order="F")),
        (math, np),
        (min, max),
        (np.int64, np.int32),
        (types.int64, types.int32),
    ],
    ids=repr,
)
@pytest.mark.parametrize("place", ["global", "closure", "default", "keyword"])
def test_values_count(place, one, other):
    text = {
        "global": "@jit\ndef kernel(x): return VALUE",
        "closure": "def make(y):\n    @jit\n    def kernel(x): return y\n    return kernel\nkernel = make(VALUE)",
        "default": "@jit\ndef kernel(x, y=VALUE): return y",
        "keyword": "@jit\ndef kernel(x, *, y=VALUE): return y",
    }[place]
    first, again, second = (digest_of(text, VALUE=value) for value in (one, one, other))
    assert first == again
    assert first != second


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x + 1", "x + 2"),  # a constant of its own
        ("x + 1", "x - 1"),
        ("x + 1", "abs(x)"),
        ("(x)", "(x, y=1)"),
        ("def kernel(x)", "def kernel(x, *y)"),
        ("kernel", "other"),  # another kernel may have the same code
        ("x + 1", "'x'"),  # a docstring looks the same but is not loaded
        ("return x + 1", "return [y for y in x]"),
    ],
)
def test_its_own_code_counts(old, new):
    before = "\n".join([PLAIN, "kernel = kernel"])
    changed = PLAIN.replace(old, new)
    name = "other" if "def other" in changed else "kernel"
    assert digest_of(before) != digest_of(f"{changed}\nkernel = {name}")


def test_strings_that_are_loaded_are_no_documentation():
    texts = "@jit\ndef kernel(x):\n    'a'\n    return 'a'", "@jit\ndef kernel(x):\n    'b'\n    return 'b'"
    assert digest_of(texts[0]) != digest_of(texts[1])


INTRINSIC = """
def calls(name):
    'What it does.'
    def generate(context, builder, signature, args):
        'What it does.'
        return builder.add(args[0], args[NUMBER])
    return types.int64(types.int64), generate
@intrinsic
def instruction(typing_context, x):
    'What it does.'
    return calls('name')
@jit
def low(x):
    'What it does.'
    return instruction(x)
@jit
def kernel(x):
    'What it does.'
    return low(x) if x else kernel(x)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("low(x) if x", "low(x) + 1 if x"),
        ("return instruction(x)", "return x"),
        ("return instruction(x)", "return instruction(x) + 1"),
        ("calls('name')", "calls('other')"),
        ("builder.add", "builder.sub"),
        ("NUMBER", "OTHER"),
        ("@jit\ndef low", "@checked\ndef low"),
    ],
)
def test_what_it_calls_counts(old, new):
    names = {"NUMBER": 0, "OTHER": 1, "checked": numba.njit(boundscheck=True)}
    assert old in INTRINSIC
    assert digest_of(INTRINSIC, **names) != digest_of(INTRINSIC.replace(old, new), **names)
    assert digest_of(INTRINSIC, **names) != digest_of(INTRINSIC, **{**names, "NUMBER": 1})


def test_documentation_and_places_do_not_count():
    again = INTRINSIC.replace("What it does.", "Something else.").replace("\n@jit", "\n\n# A comment\n@jit")
    assert digest_of(INTRINSIC, NUMBER=0, UNRELATED=1) == digest_of(again, NUMBER=0, UNRELATED=2)


MUTUAL = """
@jit
def kernel(x):
    return other(x)
@jit
def other(x):
    return again(x) + third(x)
@jit
def third(x):
    return 1
again = kernel
"""


@pytest.mark.parametrize(("old", "new"), [("return 1", "return 2"), ("again = kernel", "again = other")])
def test_kernels_that_call_each_other_are_told_apart(old, new):
    assert digest_of(MUTUAL) == digest_of(MUTUAL)
    assert digest_of(MUTUAL) != digest_of(MUTUAL.replace(old, new))


# Named tuples ------------------------------------------------------------------------------------------------------


def named(fields: str, *defaults: int) -> type:
    return collections.namedtuple("Point", fields, defaults=defaults, module=__name__)


@pytest.mark.parametrize("other", [named("y x"), named("x y z"), named("x y", 1)])
def test_fields_of_named_tuples_count(other):
    text = "@jit\ndef kernel(x):\n    return Point"
    one, same = named("x y"), named("x y")
    assert digest_of(text, Point=one) == digest_of(text, Point=same) != digest_of(text, Point=other)

    def as_argument(kind):
        pair = types.NamedTuple((types.int64,) * len(kind._fields), kind)
        return digest_of(PLAIN, (types.Tuple((pair, types.int64)),))

    assert as_argument(one) == as_argument(same) != as_argument(other)


@pytest.mark.parametrize(
    "other",
    [
        types.int32,
        types.literal(1),
        types.Omitted(1),
        types.Array(types.int64, 1, "C"),
        types.Array(types.int64, 1, "C", readonly=True),
        types.Array(types.int64, 1, "C", aligned=False),
        types.UniTuple(types.int64, 2),
        types.none,
    ],
)
def test_types_of_arguments_count(other):
    assert digest_of(PLAIN) != digest_of(PLAIN, (other,))


# What cannot be described ------------------------------------------------------------------------------------------


class Constants:
    LOSS = 1


class Cell(enum.IntEnum):
    APEX = 29


class Count(int):
    pass


@pytest.mark.parametrize(
    "value",
    [
        rules,
        Constants,
        Constants(),
        Cell,
        Cell.APEX,
        Count(1),
        [1],
        {1},
        math.pi.as_integer_ratio,
        named,  # a plain function, for which something may have been registered
        np.array([None]),
        np.array([1]).view(np.recarray),
        numba.vectorize(lambda x: x),
    ],
    ids=repr,
)
def test_other_values_are_not_passed_over(value):
    with pytest.raises(UnknownDependencyError):
        digest_of("@jit\ndef kernel(x):\n    return VALUE", VALUE=value)


@pytest.mark.parametrize(
    "other", [types.Array(types.Record.make_c_struct([("x", types.int64)]), 1, "C"), types.unicode_type]
)
def test_other_types_are_not_passed_over(other):
    with pytest.raises(UnknownDependencyError):
        digest_of(PLAIN, (other,))


def test_imports_and_empty_cells_are_not_passed_over():
    helper = "    from pylos.game.rules import APEX\n    return calls(APEX)"
    with pytest.raises(UnknownDependencyError, match="imports"):
        digest_of(INTRINSIC.replace("    return calls('name')", helper), NUMBER=0)
    with pytest.raises(UnknownDependencyError, match="empty"):
        digest_of(
            "def make():\n    @jit\n    def kernel(x):\n        return y\n    return kernel\n    y = 1\nkernel = make()"
        )


def test_what_only_says_that_it_is_of_a_library_is_not_believed():
    imposter = FunctionType(named.__code__, {}, "zeros")
    imposter.__module__, imposter.__qualname__ = "numpy", "zeros"
    with pytest.raises(UnknownDependencyError):
        digest_of("@jit\ndef kernel(x):\n    return zeros(x)", zeros=imposter)
    assert digest_of("@jit\ndef kernel(x):\n    return zeros(x)", zeros=np.zeros)


# When a digest is taken --------------------------------------------------------------------------------------------


def test_it_is_taken_when_it_is_asked_for_and_remembered():
    kernel = define("@jit\ndef kernel(x):\n    return VALUE + LATER", VALUE=1)
    kernel.py_func.__globals__["LATER"] = 1
    first = kernel_digest(kernel, INTEGER)
    kernel.py_func.__globals__["LATER"] = 2
    assert kernel_digest(kernel, INTEGER) == first
    assert kernel_digest(kernel, INTEGER, afresh=True) != first
