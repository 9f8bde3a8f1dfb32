"""Landmark weights that follow the errors of the epoch before: Mobile-FaceRNet's eq 13."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..core.errors import InputError
from ..geometry.checks import check_shape
from .landmark import known_points, landmark_distance
from .landmark_weights import inner_weights


def _alone(tensor: Tensor) -> Tensor:
    return tensor


class LandmarkErrorWeights:
    """Keeps e_i, the mean error of landmark i in the last epoch, as its weight in this one.

    L_land_error = sum_i e_i ||v_i - v'_i||^2, added "after the fifth iteration" to train the worst
    points harder. "Iteration" can only be the epoch: e_i is an average, and one batch's would be
    noise. The sum runs over the paper's 52 'fixed' points; iBUG has 51 besides the 17 of the jaw.

    Use: `landmark_loss(..., weights.current, unit)` and `weights.add(...)` in every step,
    `weights.end_epoch()` after every epoch.

    Args:
        counted: (L,) > 0 where a point takes part; None: the 51 of the 68 that are not on the jaw.
        start: how many epochs pass with weights of 0.
        device: where the errors are summed.
    """

    def __init__(
        self,
        counted: Tensor | None = None,
        start: int = 5,
        device: torch.device | str = "cpu",
    ) -> None:
        points = inner_weights() if counted is None else counted
        check_shape("counted", points, (None,))
        if start < 1:
            raise InputError("start", "at least one epoch to measure errors in", str(start))
        self.counted = (points > 0).to(device)
        self.start, self.epoch = start, 0
        self._errors = torch.zeros(len(points), dtype=torch.float64, device=device)
        self._total, self._count = torch.zeros_like(self._errors), torch.zeros_like(self._errors)

    def to(self, device: torch.device | str) -> LandmarkErrorWeights:
        """Itself, moved to another device."""
        self.counted = self.counted.to(device)
        for name in ("_errors", "_total", "_count"):
            setattr(self, name, getattr(self, name).to(device))
        return self

    @property
    def active(self) -> bool:
        """Whether the first `start` epochs are over."""
        return self.epoch >= self.start

    @property
    def current(self) -> Tensor:
        """This epoch's weights (L,) float32: 0 before the switch and on points that do not count.

        In the unit that the errors were added in: parts of the image's side, say.
        """
        on = self.counted & self.active
        return torch.where(on, self._errors, 0.0).float()

    @torch.no_grad()
    def add(self, predicted: Tensor, target: Tensor, unit: Tensor) -> None:
        """Count the errors of a batch; arguments as in `landmark_loss`.

        Unknown points and predictions that are not finite do not count.

        Raises:
            InputError: the shapes differ.
        """
        check_shape("predicted", predicted, (None, len(self.counted), 2))
        distance = landmark_distance(predicted, target, unit).double().sqrt()
        seen = known_points(target) & torch.isfinite(distance)
        self._total += torch.where(seen, distance, 0.0).sum(0).to(self._total.device)
        self._count += seen.sum(0).to(self._count)

    def end_epoch(self, sum_over_processes: Callable[[Tensor], Tensor] = _alone) -> None:
        """Turn the epoch's errors into the next one's weights.

        A point that was not seen keeps its error.

        Args:
            sum_over_processes: gives the sum of a tensor over all processes, where there are more.
        """
        both = sum_over_processes(torch.stack([self._total, self._count]))
        seen = both[1] > 0
        self._errors = torch.where(seen, both[0] / both[1].clamp(min=1), self._errors)
        self._total, self._count = torch.zeros_like(both[0]), torch.zeros_like(both[1])
        self.epoch += 1

    def state_dict(self) -> dict[str, object]:
        """Everything needed to go on in the middle of an epoch."""
        return {
            "epoch": self.epoch,
            "errors": self._errors.clone(),
            "total": self._total.clone(),
            "count": self._count.clone(),
        }

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from `state_dict`'s content.

        Raises:
            InputError: an entry is missing, or of another number of points.
        """
        missing = {"epoch", "errors", "total", "count"} - set(state)
        if missing:
            raise InputError("landmark error state", "epoch, errors, total, count", f"no {missing}")
        loaded = [torch.as_tensor(state[key]) for key in ("errors", "total", "count")]
        for value in loaded:
            check_shape("landmark error state", value, tuple(self._errors.shape))
        self._errors, self._total, self._count = (v.to(self._errors, copy=True) for v in loaded)
        self.epoch = int(state["epoch"])  # type: ignore[call-overload]
