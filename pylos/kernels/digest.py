"""What the machine code of a kernel depends on, as a digest.

numba freezes all that a kernel names into its machine code: constants, the kernels that it calls, and what those name.
All of it counts as it is in memory, so that an edit of a comment, of a docstring or of other code changes no digest.
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
_LIBRARIES = {"builtins", "math", "numpy", "numba", "llvmlite"}  # the versions stand for what these hold
_IMPORT = dis.opmap["IMPORT_NAME"]
_LOADS_CONSTANT = frozenset(dis.hasconst)


class UnknownDependencyError(Exception):
    """A kernel depends on a value of a kind that is not known here, which might change behind its back."""


def digest(kernel: CPUDispatcher, signature: Any, *, afresh: bool = False) -> bytes:
    """The digest of all that the machine code of a kernel for a signature depends on but the processor and settings.

    Args:
        kernel: What ``@jit`` returns.
        signature: The types of the arguments, as numba hands them to a cache.
        afresh: Whether to look again at what this process has looked at before.

    Raises:
        UnknownDependencyError: Something cannot be told; the machine code is not to be kept.
    """
    describe = _describe.__wrapped__ if afresh else _describe
    content = hashlib.blake2b(repr((_VERSIONS, _Teller().tell(normalize_signature(signature)))).encode())
    functions = [kernel]
    for function in functions:  # which grows by what is called
        own, callees = describe(function)
        functions += [callee for callee in dict.fromkeys(callees) if callee not in functions]
        content.update(repr((own, [functions.index(callee) for callee in callees])).encode())
    return content.digest()


@functools.cache
def _describe(function: Any) -> tuple[bytes, list[Any]]:
    """The digest of a function alone with all that it names, and the functions among that, in their order."""
    how: tuple[Any, ...] = ()
    python = function
    if isinstance(function, CPUDispatcher):
        python, how = function.py_func, (function.targetoptions, function.locals)
    elif isinstance(function, _Intrinsic):
        python, how = function._defn, (function._ctor_kwargs, function._prefer_literal)
    # numba calls a plain function only in the making of code; in compiled code it may stand for anything.
    teller = _Teller(plain_functions=not isinstance(function, CPUDispatcher))
    content = repr((type(function).__name__, teller.tell(how), teller.tell_function(python)))
    return hashlib.blake2b(content.encode()).digest(), teller.functions


class _Teller:
    """Tells values as nested tuples of which ``repr`` is exact; functions are collected, to be told apart."""

    def __init__(self, *, plain_functions: bool = False) -> None:
        self.functions: list[Any] = []
        self._followed = (
            (CPUDispatcher, _Intrinsic, FunctionType) if plain_functions else (CPUDispatcher, _Intrinsic)
        )

    def tell(self, value: Any) -> tuple[Any, ...]:
        """Tells any value.

        Raises:
            UnknownDependencyError: It is of an unknown kind.
        """
        kind = type(value)
        if value is None or kind in (EllipsisType, bool, int, str, bytes):
            return kind.__name__, value
        if kind is float:
            return "float", np.float64(value).tobytes()
        if kind is tuple:
            return "tuple", *map(self.tell, value)
        if kind is slice:
            return "slice", *map(self.tell, (value.start, value.stop, value.step))
        if kind is dict:
            return "dict", *(self.tell(item) for item in sorted(value.items()))
        if (kind is np.ndarray or isinstance(value, np.generic)) and not value.dtype.hasobject:
            flags = value.flags
            layout = value.shape, value.strides, flags.writeable, flags.aligned
            return kind.__name__, repr(value.dtype), layout, value.tobytes()
        if isinstance(value, Type):
            return self._tell_type(value)
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return self.tell(kind), *map(self.tell, value)
        if kind is type and issubclass(value, tuple) and hasattr(value, "_fields"):
            fields = value._fields, getattr(value, "_field_defaults", {})
            return "named tuple", value.__module__, value.__qualname__, self.tell(fields)
        if kind is ModuleType and value.__name__.partition(".")[0] in _LIBRARIES:
            return "module", value.__name__
        if isinstance(value, type | FunctionType | BuiltinFunctionType) and _is_of_a_library(value):
            return "library", value.__module__, value.__qualname__
        if isinstance(value, self._followed):
            self.functions.append(value)
            return ("function",)
        raise UnknownDependencyError(f"{value!r} of {kind}")

    def tell_function(self, function: Callable[..., Any]) -> tuple[Any, ...]:
        """Tells a plain function, but for its documentation and the places in its file."""
        try:
            closure = tuple(cell.cell_contents for cell in function.__closure__ or ())
        except ValueError:
            raise UnknownDependencyError(f"a cell of {function} is empty") from None
        given = function.__defaults__, function.__kwdefaults__, closure
        code = self._tell_code(function.__code__, function.__globals__)
        return function.__module__, function.__qualname__, self.tell(given), code

    def _tell_code(self, code: CodeType, names: dict[str, Any]) -> tuple[Any, ...]:
        operations = list(zip(code.co_code[::2], code.co_code[1::2], strict=True))
        if any(operation == _IMPORT for operation, _ in operations):
            raise UnknownDependencyError(f"{code.co_name} imports")
        constants = code.co_consts
        first_is_loaded = any(
            number == 0 and operation in _LOADS_CONSTANT for operation, number in operations
        )
        if constants and isinstance(constants[0], str) and not first_is_loaded:
            constants = None, *constants[1:]  # it is a docstring
        return (
            (code.co_name, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
            (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars),
            (code.co_code, code.co_exceptiontable),
            [
                self._tell_code(one, names) if isinstance(one, CodeType) else self.tell(one)
                for one in constants
            ],
            # Attributes are among these names, too; what is not among the globals is a built-in function.
            [(name, self.tell(names[name])) for name in code.co_names if name in names],
        )

    def _tell_type(self, kind: Type) -> tuple[Any, ...]:
        """Tells a type of numba: the names of its types leave out much of those that are made of others."""
        if isinstance(kind, BaseNamedTuple):
            return self.tell(kind.instance_class), *map(self.tell, kind.types)
        if isinstance(kind, BaseTuple):
            return "type of tuple", *map(self.tell, kind.types)
        if isinstance(kind, Omitted):
            return "omitted", self.tell(kind.value)
        inner = kind.dtype if type(kind) is Array else kind
        if isinstance(inner, Number | Boolean | NoneType):
            return "type", str(kind)
        raise UnknownDependencyError(f"the type {kind}")


def _is_of_a_library(value: Any) -> bool:
    """Whether a library holds exactly this under its name."""
    if str(value.__module__).partition(".")[0] not in _LIBRARIES:
        return False
    try:
        found: Any = operator.attrgetter(value.__qualname__)(sys.modules[value.__module__])
    except (AttributeError, KeyError):
        return False
    return found is value
