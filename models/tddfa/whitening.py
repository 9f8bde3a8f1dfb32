"""Mean and standard deviation of parameters: what brings a network's outputs to one range.

3DDFA's networks predict (p - mean) / std of their 62 parameters, with the statistics of their
training set (`param_whitening.pkl`); other training sets need their own (cleardusk/3DDFA#45).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.array_pickle import read_pickled_arrays
from ...core.errors import InputError, MissingFileError
from ...core.npy_file import read_npy
from ...core.npz_file import NpzArrays
from ...core.text_files import read_text_numbers
from ...geometry.checks import check_finite, check_shape

_NAMES = (("mean", "std"), ("param_mean", "param_std"))


@dataclass(frozen=True)
class Whitening:
    """Mean and standard deviation that bring parameters to one range, and back.

    outputs = (parameters - mean) / std, entry by entry.

    Attributes:
        mean: (K,).
        std: (K,), above 0.

    Raises:
        InputError: other shapes, NaN, or a standard deviation that is not positive.

    Example:
        >>> whitening = Whitening(torch.tensor([1.0, 2.0]), torch.tensor([0.5, 2.0]))
        >>> whitening.apply(torch.tensor([[2.0, 2.0]]))
        tensor([[2., 0.]])
        >>> whitening.undo(torch.tensor([[2.0, 0.0]]))
        tensor([[2., 2.]])
    """

    mean: Tensor
    std: Tensor

    def __post_init__(self) -> None:
        check_shape("mean", self.mean, ("K",))
        check_shape("std", self.std, tuple(self.mean.shape))
        check_finite("mean", self.mean)
        check_finite("std", self.std)
        if not bool((self.std > 0).all()):
            where = int((self.std <= 0).nonzero()[0])
            raise InputError("std", "positive numbers", f"{float(self.std[where])} at {where}")

    def __len__(self) -> int:
        return len(self.mean)

    @classmethod
    def identity(cls, size: int) -> Whitening:
        """The one that changes nothing."""
        return cls(torch.zeros(size), torch.ones(size))

    def apply(self, parameters: Tensor) -> Tensor:
        """Parameters (...,K) whitened."""
        check_shape("parameters", parameters, ("...", len(self)))
        return (parameters - self.mean.to(parameters)) / self.std.to(parameters)

    def undo(self, outputs: Tensor) -> Tensor:
        """Whitened parameters (...,K) in their own units."""
        check_shape("outputs", outputs, ("...", len(self)))
        return outputs * self.std.to(outputs) + self.mean.to(outputs)

    def in_units(self, factors: Tensor) -> Whitening:
        """The statistics of parameters that are multiplied by factors (K,), all positive."""
        check_shape("factors", factors, tuple(self.mean.shape))
        return Whitening(self.mean * factors.to(self.mean), self.std * factors.to(self.std))


class WhiteningStatistics:
    """Mean and standard deviation of rows that come in batches, exact whatever their cut.

    Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances, 1979, in float64. Rows with NaN, which data sets have where a label is unknown, are
    left out.

    Args:
        size: K, numbers in a row.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self._mean = torch.zeros(size, dtype=torch.float64)
        self._squares = torch.zeros(size, dtype=torch.float64)

    def add(self, rows: Tensor) -> None:
        """Count rows (B,K).

        Raises:
            InputError: another K, or infinity.
        """
        check_shape("rows", rows, (None, len(self._mean)))
        wide = rows.detach().to("cpu", torch.float64)
        known = wide[~torch.isnan(wide).any(1)]
        check_finite("rows", known)
        if not len(known):
            return
        mean = known.mean(0)
        squares = (known - mean).square().sum(0)
        total = self.count + len(known)
        gap = mean - self._mean
        self._squares += squares + gap.square() * (self.count * len(known) / total)
        self._mean += gap * (len(known) / total)
        self.count = total

    def whitening(self) -> Whitening:
        """The statistics so far, float32; the deviation is the population's, as 3DDFA's.

        An entry that never changes gets 1: its whitened value is always 0.

        Raises:
            InputError: no row was counted.
        """
        if not self.count:
            raise InputError("parameters", "at least one row without NaN", "none")
        std = (self._squares / self.count).sqrt()
        rounding = 1e-12 * self._mean.abs().clamp(min=1e-20)
        return Whitening(
            self._mean.float(), torch.where(std <= rounding, 1.0, std).float().clamp(min=1e-30)
        )


def compute_whitening(batches: Iterable[Tensor]) -> Whitening:
    """Mean and standard deviation of all rows of batches, which are taken one by one.

    Args:
        batches: (B,K) parameters each; rows with NaN are left out.

    Raises:
        InputError: no row without NaN, or batches of different K.

    Example:
        >>> compute_whitening([torch.tensor([[0.0]]), torch.tensor([[2.0], [4.0]])]).mean
        tensor([2.])
    """
    statistics: WhiteningStatistics | None = None
    for batch in batches:
        statistics = statistics or WhiteningStatistics(batch.shape[-1])
        statistics.add(batch)
    if statistics is None:
        raise InputError("parameters", "at least one batch", "none")
    return statistics.whitening()


def read_whitening(path: str | Path, std: str | Path | None = None, prefix: str = "") -> Whitening:
    """Mean and standard deviation out of 3DDFA's files, or anybody's.

    Args:
        path: an .npz or .pkl with `mean` and `std` (3DDFA_V2) or `param_mean` and `param_std`
            (3DDFA); or, when `std` is given, the means alone as .npy or .txt. Pickles are read by
            `core.array_pickle`, which runs nothing that is in them.
        std: the standard deviations, .npy or .txt.
        prefix: before the names in an .npz or .pkl.

    Raises:
        MissingFileError: no such file.
        InputError: a damaged file, missing names, or shapes that do not fit.
    """
    if std is not None:
        return Whitening(_tensor(_read_vector(Path(path))), _tensor(_read_vector(Path(std))))
    file = Path(path)
    arrays = read_pickled_arrays(file) if file.suffix in (".pkl", ".pickle") else _read_npz(file)
    for names in _NAMES:
        mean, deviation = (prefix + name for name in names)
        if mean in arrays and deviation in arrays:
            return Whitening(_tensor(arrays[mean]), _tensor(arrays[deviation]))
    expected = " or ".join(f"{prefix}{a} and {prefix}{b}" for a, b in _NAMES)
    raise InputError(str(file), expected, ", ".join(sorted(arrays)) or "nothing")


def _tensor(array: NDArray) -> Tensor:
    if array.dtype.kind not in "fiu":
        raise InputError("whitening", "numbers", str(array.dtype))
    return torch.from_numpy(np.asarray(array, np.float32).reshape(-1).copy())


def _read_npz(path: Path) -> Mapping[str, NDArray]:
    _require(path)
    return NpzArrays(path, "an .npz with mean and std, without Python objects")


def _read_vector(path: Path) -> NDArray:
    _require(path)
    if path.suffix == ".txt":
        return read_text_numbers(path)
    return read_npy(path, "one array, without Python objects")


def _require(path: Path) -> None:
    if not path.exists():
        raise MissingFileError(str(path), "The file of whitening statistics", "Check the path.")
