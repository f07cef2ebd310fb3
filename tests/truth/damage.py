"""What becomes of a seed's packets before the tap sees them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from packets import Segment
from packets.files import SNAP_LENGTH

from truth.network import (
    Disturbance,
    contradict,
    cut_out,
    forge,
    in_turn,
    lose,
    merge,
    reorder,
    repeat,
    repeat_late,
    split,
    step_back,
    straddle,
)


class Tapped(NamedTuple):
    """What the tap saw, by what kind of damage; of each packet `snap` bytes of payload."""

    kind: str
    segments: list[Segment]
    snap: int = SNAP_LENGTH


Damage = Callable[[list[Segment], Random], Tapped]

HARMLESS: tuple[Disturbance, ...] = (repeat, repeat_late, straddle, split, merge, forge)
KINDS: dict[str, Disturbance] = {
    "all seen": in_turn(),
    "5% swapped": reorder(0.05),
    "3% displaced": reorder(0.03, by=(2, 3)),
    "1% lost": lose(0.01),
    "5% lost": lose(0.05),
    "2% lost, 5% displaced": in_turn(lose(0.02), reorder(0.05, by=(1, 2, 3))),
    "begun and ended midway": cut_out,
}
SNAPPED = "cut by a snap length"


def chosen(segments: list[Segment], random: Random) -> Tapped:
    """What the seed chooses: disturbances that lose nothing, then a kind that may."""
    return _damaged(segments, random, (*HARMLESS, step_back))


def with_one_clock(segments: list[Segment], random: Random) -> Tapped:
    """The same, without steps of the clock: the capture is everybody's."""
    return _damaged(segments, random, HARMLESS)


def only(loss: float, swapped: float, segments: list[Segment], random: Random) -> Tapped:
    return Tapped("", in_turn(reorder(swapped), lose(loss))(segments, random))


def _damaged(segments: list[Segment], random: Random, harmless: tuple[Disturbance, ...]) -> Tapped:
    segments = in_turn(*random.sample(harmless, random.randint(0, 2)))(segments, random)
    kind = random.choice(["all seen", *KINDS])
    segments = KINDS[kind](segments, random)
    if random.random() < 0.2:
        segments = contradict(segments, random)
    return _snapped(segments, random) if random.random() < 0.05 else Tapped(kind, segments)


def _snapped(segments: list[Segment], random: Random) -> Tapped:
    """Of what is cut nobody knows whether the checksum is right: no forged packet is."""
    snap = random.choice([60, 500])
    return Tapped(SNAPPED, [one for one in segments if one.checksum != "wrong" or len(one.payload) <= snap], snap)
