"""What `@jit` makes of a function, and what is said about the wait."""

import math

from numba.core.event import Event, EventStatus

from pylos.game import rules
from pylos.kernels.cache import KernelCache
from pylos.kernels.jit import Announcement, inlined, jit


def ratio(a: float, b: float) -> float:
    return a / b


def test_a_division_by_zero_raises_nothing():
    kernel = jit(ratio)
    assert kernel(1.0, 0.0) == math.inf
    assert math.isnan(kernel(0.0, 0.0))


def test_kernels_run_without_the_gil():
    assert rules.step.targetoptions["nogil"]


def test_a_loop_gets_the_code_of_what_is_inlined():
    body = inlined(ratio)
    loop = jit(lambda a, b: body(a, b))
    assert loop(1.0, 4.0) == 0.25
    [code] = loop.inspect_llvm().values()
    assert "call" not in code[code.index("define") :].partition("fdiv")[0]


def test_only_kernels_of_the_package_are_kept_on_disk():
    assert isinstance(rules.step._cache, KernelCache)
    assert not isinstance(jit(ratio)._cache, KernelCache)


def test_the_wait_for_kernels_of_the_package_is_said_once(capsys):
    announcement = Announcement()
    for kernel, said in ((jit(ratio), 0), (rules.step, 1), (rules.pack, 0)):
        for status in (EventStatus.START, EventStatus.END):
            announcement.notify(Event("numba:compile", status, {"dispatcher": kernel}))
        assert capsys.readouterr().err.count("compiling kernels") == said
