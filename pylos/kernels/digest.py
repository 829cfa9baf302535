"""The digest of everything that the machine code of a kernel depends on.

numba freezes into the machine code of a kernel all that the kernel names: constants, the kernels that it calls, and
what those name in turn, in whatever file they are. The digest is taken of these objects in memory, not of files: an
edit of a comment, of a docstring or of unrelated code does not change it.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import operator
import platform
import sys
from collections.abc import Callable
from types import BuiltinFunctionType, CodeType, EllipsisType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.registry import CPUDispatcher
from numba.core.sigutils import normalize_signature
from numba.core.types.abstract import Number, Type
from numba.core.types.containers import BaseNamedTuple, BaseTuple
from numba.core.types.misc import NoneType, Omitted
from numba.core.types.npytypes import Array
from numba.core.types.scalars import Boolean
from numba.extending import _Intrinsic

_VERSIONS = platform.python_version(), numba.__version__, llvmlite.__version__, np.__version__
_LIBRARIES = {"builtins", "math", "numpy", "numba", "llvmlite"}
"""What these hold is known by their versions."""
_IMPORT = dis.opmap["IMPORT_NAME"]
_LOADS_CONSTANT = frozenset(dis.hasconst)


class UnknownDependencyError(Exception):
    """A kernel depends on a value of a kind that has no exact description here, so a change could go unnoticed."""


def kernel_digest(kernel: CPUDispatcher, signature: Any, *, afresh: bool = False) -> bytes:
    """The digest of all that the machine code of a kernel for a signature depends on.

    The processor and the settings of numba are left out.

    Args:
        kernel: what `@jit` returns.
        signature: the types of the arguments, as numba hands them to a cache.
        afresh: whether to look again at functions that this process has looked at before.

    Raises:
        UnknownDependencyError: something has no exact description; the machine code must not be kept.
    """
    digest_alone = _digest_alone.__wrapped__ if afresh else _digest_alone
    described = _VERSIONS, _Describer().describe(normalize_signature(signature))
    content = hashlib.blake2b(repr(described).encode())
    functions = [kernel]
    for function in functions:  # the list grows by what is called
        own, callees = digest_alone(function)
        functions += [callee for callee in dict.fromkeys(callees) if callee not in functions]
        content.update(repr((own, [functions.index(callee) for callee in callees])).encode())
    return content.digest()


@functools.cache
def _digest_alone(function: Any) -> tuple[bytes, list[Any]]:
    """The digest of a function and of the values that it names, and the functions that it names, in their order.

    Those functions count here by their places only.
    """
    how: tuple[Any, ...] = ()
    python = function
    if isinstance(function, CPUDispatcher):
        python, how = function.py_func, (function.targetoptions, function.locals)
    elif isinstance(function, _Intrinsic):
        python, how = function._defn, (function._ctor_kwargs, function._prefer_literal)
    # An intrinsic may call plain functions while code is made. In a kernel a plain function may stand for anything,
    # because numba lets one register other code for it.
    describer = _Describer(plain_functions=not isinstance(function, CPUDispatcher))
    content = repr((type(function).__name__, describer.describe(how), describer.describe_function(python)))
    return hashlib.blake2b(content.encode()).digest(), describer.functions


class _Describer:
    """Describes values as nested tuples with an exact `repr`; collects the functions among them.

    Args:
        plain_functions: whether a plain Python function is collected, too; else it is unknown.
    """

    def __init__(self, *, plain_functions: bool = False) -> None:
        self.functions: list[Any] = []
        self._followed = (
            (CPUDispatcher, _Intrinsic, FunctionType) if plain_functions else (CPUDispatcher, _Intrinsic)
        )

    def describe(self, value: Any) -> tuple[Any, ...]:
        """The description of any value.

        Raises:
            UnknownDependencyError: it is of an unknown kind.
        """
        kind = type(value)
        if value is None or kind in (EllipsisType, bool, int, str, bytes):
            return kind.__name__, value
        if kind is float:
            return "float", np.float64(value).tobytes()
        if kind is tuple:
            return "tuple", *map(self.describe, value)
        if kind is slice:
            return "slice", *map(self.describe, (value.start, value.stop, value.step))
        if kind is dict:
            return "dict", *(self.describe(item) for item in sorted(value.items()))
        if (kind is np.ndarray or isinstance(value, np.generic)) and not value.dtype.hasobject:
            flags = value.flags
            layout = value.shape, value.strides, flags.writeable, flags.aligned
            return kind.__name__, repr(value.dtype), layout, value.tobytes()
        if isinstance(value, Type):
            return self._describe_type(value)
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return self.describe(kind), *map(self.describe, value)
        if kind is type and issubclass(value, tuple) and hasattr(value, "_fields"):
            fields = value._fields, getattr(value, "_field_defaults", {})
            return "named tuple", value.__module__, value.__qualname__, self.describe(fields)
        if kind is ModuleType and value.__name__.partition(".")[0] in _LIBRARIES:
            return "module", value.__name__
        if isinstance(value, type | FunctionType | BuiltinFunctionType) and _is_of_a_library(value):
            return "library", value.__module__, value.__qualname__
        if isinstance(value, self._followed):
            self.functions.append(value)
            return ("function",)
        raise UnknownDependencyError(f"{value!r} of {kind}")

    def describe_function(self, function: Callable[..., Any]) -> tuple[Any, ...]:
        """The description of a plain function, without its documentation and its place in a file."""
        try:
            closure = tuple(cell.cell_contents for cell in function.__closure__ or ())
        except ValueError:
            raise UnknownDependencyError(f"a cell of {function} is empty") from None
        given = function.__defaults__, function.__kwdefaults__, closure
        code = self._describe_code(function.__code__, function.__globals__)
        return function.__module__, function.__qualname__, self.describe(given), code

    def _describe_code(self, code: CodeType, names: dict[str, Any]) -> tuple[Any, ...]:
        operations = list(zip(code.co_code[::2], code.co_code[1::2], strict=True))
        if any(operation == _IMPORT for operation, _ in operations):
            raise UnknownDependencyError(f"{code.co_name} imports")
        constants = code.co_consts
        first_is_loaded = any(
            number == 0 and operation in _LOADS_CONSTANT for operation, number in operations
        )
        if constants and isinstance(constants[0], str) and not first_is_loaded:
            constants = None, *constants[1:]  # the string is a docstring
        return (
            (code.co_name, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
            (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars),
            (code.co_code, code.co_exceptiontable),
            [
                self._describe_code(one, names) if isinstance(one, CodeType) else self.describe(one)
                for one in constants
            ],
            # Among these names are attributes and built-in functions, too; only globals have a value here.
            [(name, self.describe(names[name])) for name in code.co_names if name in names],
        )

    def _describe_type(self, kind: Type) -> tuple[Any, ...]:
        """The description of a type of numba. Where a type is made of others, its name does not say everything."""
        if isinstance(kind, BaseNamedTuple):
            return self.describe(kind.instance_class), *map(self.describe, kind.types)
        if isinstance(kind, BaseTuple):
            return "type of tuple", *map(self.describe, kind.types)
        if isinstance(kind, Omitted):
            return "omitted", self.describe(kind.value)
        inner = kind.dtype if type(kind) is Array else kind
        if isinstance(inner, Number | Boolean | NoneType):
            return "type", str(kind)
        raise UnknownDependencyError(f"the type {kind}")


def _is_of_a_library(value: Any) -> bool:
    """Whether a library holds exactly this object under its name."""
    if str(value.__module__).partition(".")[0] not in _LIBRARIES:
        return False
    try:
        found: Any = operator.attrgetter(value.__qualname__)(sys.modules[value.__module__])
    except (AttributeError, KeyError):
        return False
    return found is value
