"""The engine's shared library: found, loaded once, its functions declared for ctypes.

Imports nothing heavy: `run` opens the capture through it before anything else is loaded.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Collection, Mapping
from typing import Any, Self

ABI_VERSION = 1

# By name: the type of a function's result and those of its arguments.
Functions = Mapping[str, tuple[Any, tuple[Any, ...]]]


class LibraryError(Exception):
    """The engine's library is not there or not the one this package was made for."""


class SharedLibrary:
    """The functions that were declared, as attributes. OSError where it is not this package's."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._waiting = ctypes.CDLL(path)
        self._declared: set[Callable[[], Functions]] = set()
        if (version := self._waiting.sniffer_abi_version()) != ABI_VERSION:
            raise OSError(f"its ABI version is {version}, this package needs {ABI_VERSION}")

    def declare(self, functions: Callable[[], Functions], quick: Collection[str] = ()) -> Self:
        """Makes the functions attributes, the first time.

        `quick`: those that never wait. They keep the interpreter's lock: to hand it over and to ask for it
        back costs more than such a call. LibraryError where the library lacks one.
        """
        if functions not in self._declared:
            keeping = ctypes.PyDLL(self._path)
            for name, (result, arguments) in functions().items():
                try:
                    function = getattr(keeping if name in quick else self._waiting, name)
                except AttributeError as error:
                    raise LibraryError(f"the engine library {self._path} cannot be used: {error}") from error
                function.restype, function.argtypes = result, arguments
                setattr(self, name, function)
            self._declared.add(functions)
        return self

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name} of {self._path} was not declared")


_loaded: SharedLibrary | None = None


def load() -> SharedLibrary:
    """The library, loaded once. TCP_SNIFFER_LIBRARY names another one (sanitizer builds)."""
    global _loaded
    if _loaded is None:
        path = os.environ.get("TCP_SNIFFER_LIBRARY") or _installed_path()
        try:
            _loaded = SharedLibrary(path)
        except (OSError, AttributeError) as error:
            raise LibraryError(f"the engine library {path} cannot be loaded: {error}") from error
    return _loaded


def _installed_path() -> str:
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libsniffer.so")
    if os.path.exists(beside):
        return beside
    # An editable install keeps the library elsewhere; importlib.resources knows, but is slow to import.
    from importlib.resources import files

    return str(files("appliance").joinpath("libsniffer.so"))
