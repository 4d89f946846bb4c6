"""Random draws made of whole numbers, so that a seed means the same scene everywhere."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sartext.core.seeds import generator
from sartext.simulator.exact import ANGLES, normal_quantiles

T = TypeVar("T")


class Draws:
    """A named stream of draws. Every number comes from integers and plain arithmetic."""

    def __init__(self, *names: str | int) -> None:
        self._generator = generator(*names)

    def integer(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return int(self._generator.integers(low, high + 1))

    def chance(self, numerator: int, denominator: int = 100) -> bool:
        """Return True in `numerator` of `denominator` draws."""
        return self.integer(1, denominator) <= numerator

    def pick(self, choices: Sequence[T], weights: Sequence[int] | None = None) -> T:
        """Return one of `choices`, evenly or by whole-number `weights`."""
        if weights is None:
            return choices[self.integer(0, len(choices) - 1)]
        mark = self.integer(1, sum(weights))
        for choice, weight in zip(choices, weights, strict=True):
            mark -= weight
            if mark <= 0:
                return choice
        return choices[-1]

    def uniform(self, low: float, high: float) -> float:
        """Return one of 65,536 even steps between `low` and `high`."""
        return low + (high - low) * self.integer(0, 65535) / 65535.0

    def angle(self) -> int:
        """Return a direction in 1/256 turn."""
        return self.integer(0, ANGLES - 1)

    def sixteen(self, *shape: int) -> NDArray[np.uint16]:
        """Return even 16-bit numbers, uint16 of `shape`, cut from the generator's raw 64-bit output."""
        count = 1
        for extent in shape:
            count *= extent
        raw = np.asarray(self._generator.bit_generator.random_raw((count + 3) // 4), dtype="<u8")
        return raw.view("<u2")[:count].reshape(shape)

    def normals(self, *shape: int) -> NDArray[np.float32]:
        """Return standard normal numbers, float32 of `shape`, from a table of 65,536 quantiles."""
        return normal_quantiles()[self.sixteen(*shape)]

    def noise(self, size: int, cell: float, octaves: int = 1) -> NDArray[np.float32]:
        """Return smooth value noise, float32 (size, size), from 0 to 1, evenly mixed around 1/2.

        Random heights on a lattice, joined by the smoothstep ``t t (3 - 2 t)`` (Perlin & Hoffert,
        Hypertexture, SIGGRAPH 1989); each octave halves the lattice and the weight.

        Args:
            size: side, pixels.
            cell: lattice spacing of the first octave, pixels.
            octaves: how many.
        """
        total: NDArray[np.float32] = np.zeros((size, size), np.float32)
        weight, weights = 1.0, 0.0
        for _ in range(octaves):
            total = total + weight * self._lattice(size, max(cell, 1.0))
            weights += weight
            weight /= 2.0
            cell /= 2.0
        return total / np.float32(weights)

    def _lattice(self, size: int, cell: float) -> NDArray[np.float32]:
        start = self.integer(0, 255) / 256.0
        position = np.arange(size, dtype=np.float64) / cell + start
        index = position.astype(np.int64)
        part = (position - index).astype(np.float32)
        part = part * part * (3.0 - 2.0 * part)
        nodes = int(index[-1]) + 2
        heights = self.sixteen(nodes, nodes).astype(np.float32) / np.float32(65535.0)
        rows = heights[index] * (1.0 - part[:, None]) + heights[index + 1] * part[:, None]
        field: NDArray[np.float32] = rows[:, index] * (1.0 - part) + rows[:, index + 1] * part
        return field


def scramble(column: NDArray[np.int64], row: NDArray[np.int64], salt: int) -> NDArray[np.uint32]:
    """Return a well mixed 32-bit number for every lattice cell (column, row), the same for the same `salt`.

    Multiply and shift in the manner of MurmurHash3's finaliser; unsigned arithmetic wraps around.
    """
    mixed = column.astype(np.uint32) * np.uint32(0x9E3779B1) + row.astype(np.uint32) * np.uint32(0x85EBCA77)
    mixed = mixed + np.uint32(salt & 0xFFFFFFFF)
    mixed = (mixed ^ (mixed >> np.uint32(16))) * np.uint32(0x7FEB352D)
    mixed = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(0x846CA68B)
    scrambled: NDArray[np.uint32] = mixed ^ (mixed >> np.uint32(16))
    return scrambled
