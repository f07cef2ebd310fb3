"""Segments of a connection, as tcp_fuzz.cc takes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from consumed import CLIENT, SERVER, Consumed

# The target's arrays.
FLAGS = ["ack", "", "", "", "push", "syn", "syn ack", "fin ack", "rst", "rst ack", "time"]
CHECKSUMS = ["valid", "", "", "invalid", "unfinished", "unknown"]


class Segments(Consumed):
    """Each stands where its side is, `shift` bytes aside."""

    def send(
        self,
        side: int,
        length: int = 0,
        flags: str = "ack",
        *,
        shift: int = 0,
        ack_shift: int = 0,
        window: int = 65535,
        checksum: str = "valid",
        cut: int = 0,
        other_bytes: bool = False,
        wait: int = 1,
    ) -> Self:
        self.boolean(side == SERVER).value_in_array(flags, FLAGS)
        self._shift(shift)
        if flags not in ("syn", "rst"):  # all others acknowledge
            self._shift(ack_shift)
        self.integral_in_range(window, 0, 65535)
        if "syn" in flags:
            self.integral_in_range(7, -1, 14)  # its window scale
        self.value_in_array(checksum, CHECKSUMS)
        self.boolean(length == 0)
        if length:
            self.integral_in_range(length, 0, 500)
        if checksum == "unknown":
            self.integral_in_range(cut, 0, length)
        if length > cut:
            self.integral_in_range(0 if other_bytes else 1, 0, 15)
        return self.integral_in_range(wait, 0, 80)

    def time(self, milliseconds: int) -> Self:
        return self.boolean(False).value_in_array("time", FLAGS).integral_in_range(milliseconds, 0, 80)

    def open(self) -> Self:
        return self.send(CLIENT, flags="syn").send(SERVER, flags="syn ack").send(CLIENT)

    def close(self) -> Self:
        return self.send(CLIENT, flags="fin ack").send(SERVER, flags="fin ack").send(CLIENT)

    def _shift(self, by: int) -> None:
        self.boolean(by == 0)
        if by:
            self.integral_in_range(by, -600, 600)


def opened() -> Segments:
    return Segments().open()


def connections() -> Iterator[Segments]:
    yield from nothing_missing()
    yield from sent_again()
    yield from holes()
    yield from resets()
    yield from same_ends_again()
    yield from checksums()


def nothing_missing() -> Iterator[Segments]:
    asked = opened().send(CLIENT, 100, "push").send(SERVER).send(SERVER, 200).send(SERVER, 100, "push").send(CLIENT)
    yield asked.close()
    yield opened().send(SERVER, 100, "push").send(SERVER, flags="fin ack").send(CLIENT, 50, "fin ack").send(SERVER)
    # A long one, for by the longest seed the fuzzer sets how long its inputs are at first.
    long = opened()
    for turn in range(15):
        long.send(CLIENT, 30 * turn, "push").send(SERVER).send(SERVER, 7 * turn, "push")
    yield long.close()
    # Joined midway, the client's acknowledgment first.
    yield Segments().send(CLIENT).send(SERVER, 300).send(SERVER, 100).send(CLIENT).send(CLIENT, 80, "push").close()
    # The answer is captured before what it answers, and both FINs before the last bytes.
    late = opened().send(SERVER, 90, ack_shift=70).send(CLIENT, 40).send(CLIENT, flags="fin ack", shift=30)
    yield late.send(SERVER, flags="fin ack").send(CLIENT, 30, shift=-31).send(CLIENT)


def sent_again() -> Iterator[Segments]:
    """The same bytes, more of them, some of them; other ones, of what was handed over, of what is held."""
    again = opened().send(CLIENT, 100).send(CLIENT, 100, shift=-100).send(CLIENT, 150, shift=-100)
    yield again.send(CLIENT, 20, shift=-50).send(CLIENT, shift=30).send(SERVER).close()
    other = opened().send(CLIENT, 50, shift=50).send(CLIENT, 50, shift=-100).send(CLIENT, 50, other_bytes=True)
    yield other.send(SERVER).close()
    held = opened().send(CLIENT, 50, shift=60).send(CLIENT, 50, shift=-50, other_bytes=True)
    yield held.send(CLIENT, 60, shift=-110).send(CLIENT, shift=50).send(SERVER).close()
    # Keep-alive probes, without a byte and with one.
    yield opened().send(CLIENT, 9).send(SERVER).send(CLIENT, shift=-1).send(SERVER, ack_shift=1).send(CLIENT, 1).close()


def holes() -> Iterator[Segments]:
    """Called a gap after three packets, after some time, at the end; or filled late."""
    holed = opened().send(CLIENT, 100, shift=100).send(SERVER)
    yield holed.send(CLIENT, 10).send(CLIENT, 10).send(CLIENT, 10).send(SERVER, 40).close()
    yield opened().send(CLIENT, 100, shift=100).send(SERVER).time(40).time(40).send(CLIENT, 5)
    yield opened().send(SERVER, 100, shift=100).send(SERVER, 20, shift=30).send(SERVER, flags="fin ack")
    filled = opened().send(SERVER, 100, shift=100).send(SERVER, 100, shift=-200).send(CLIENT, ack_shift=100)
    yield filled.send(SERVER, 9, shift=100).close()
    yield opened().send(SERVER, ack_shift=300).time(80).send(CLIENT, 500).send(CLIENT, 100, shift=400).send(SERVER)


def resets() -> Iterator[Segments]:
    """With the next number, one within the window, one beyond it; where bytes are missing; instead of an answer."""
    yield opened().send(CLIENT, 10).send(SERVER, flags="rst ack").send(CLIENT, 10)
    yield opened().send(CLIENT, 10, window=100).send(SERVER, flags="rst", shift=50).send(SERVER, 10, shift=-50)
    yield opened().send(CLIENT, 10, window=100).send(SERVER, flags="rst", shift=600).send(SERVER, 10, shift=-600)
    yield opened().send(SERVER, 10, shift=20).send(SERVER, flags="rst").time(80).time(80)
    yield opened().send(CLIENT, 10, shift=20).send(CLIENT, flags="rst").send(CLIENT, 20, shift=-30).send(SERVER)
    yield Segments().send(CLIENT, flags="syn").send(SERVER, flags="rst ack")


def same_ends_again() -> Iterator[Segments]:
    """A SYN after the end, on a live connection and answered there; one with bytes; one that comes late."""
    yield opened().close().send(CLIENT, flags="syn", shift=500)
    yield opened().send(CLIENT, 9).send(CLIENT, flags="syn", shift=400).send(SERVER, flags="syn ack").send(CLIENT, 9)
    yield Segments().send(CLIENT, 30, "syn").send(SERVER, 10, "syn ack").send(CLIENT, 10).close()
    yield Segments().send(CLIENT, 20).send(SERVER, 20).send(CLIENT, flags="syn", shift=-21).send(SERVER).close()


def checksums() -> Iterator[Segments]:
    """Wrong ones among right ones, a side that leaves them to its network card, packets that are cut."""
    wrong = opened().send(CLIENT, 50, checksum="invalid", other_bytes=True).send(CLIENT, 50, shift=-50).send(SERVER)
    yield wrong.send(SERVER, 30).send(SERVER, 30, checksum="invalid").send(CLIENT).close()
    mine = opened().send(CLIENT, 50, checksum="unfinished").send(SERVER, 50, checksum="invalid")
    yield mine.send(CLIENT, 50, checksum="invalid", shift=50).send(CLIENT, 50, shift=-50).send(SERVER).close()
    cut = opened().send(CLIENT, 100, checksum="unknown", cut=40).send(SERVER)
    yield cut.send(SERVER, 60, checksum="unknown", cut=60).send(SERVER, 50, checksum="unknown").send(CLIENT).close()
