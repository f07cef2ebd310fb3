"""An input as libFuzzer's FuzzedDataProvider takes it apart: numbers from its back, strings from its front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, TypeVar

T = TypeVar("T")
CLIENT, SERVER = 0, 1  # the sides of a connection


class Consumed:
    """Each step writes what the method of a like name reads; they come in the order in which the target calls those."""

    def __init__(self) -> None:
        self._front, self._back = bytearray(), bytearray()

    def integral_in_range(self, value: int, low: int, high: int) -> Self:
        """In as many bytes as the range needs."""
        if not low <= value <= high:
            raise ValueError(f"{value} is not in {low} to {high}")
        self._back += (value - low).to_bytes(((high - low).bit_length() + 7) // 8, "big")
        return self

    def boolean(self, value: bool) -> Self:
        return self.integral_in_range(value, 0, 255)

    def value_in_array(self, value: T, array: Sequence[T]) -> Self:
        return self.integral_in_range(array.index(value), 0, len(array) - 1)

    def random_length_string(self, value: bytes, longest: int) -> Self:
        """A backslash ends it, but stands for itself before another one."""
        if len(value) > longest:
            raise ValueError(f"{len(value)} bytes are more than {longest}")
        self._front += value.replace(b"\\", b"\\\\") + (b"\\ " if len(value) < longest else b"")
        return self

    def input(self, remaining: bytes = b"") -> bytes:
        """`remaining`: what is left once all of that is read."""
        return bytes(self._front) + remaining + bytes(self._back[::-1])
