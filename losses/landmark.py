"""Landmark terms: squared distances, what each of the 68 points counts in the papers, and weights
that follow the errors of the epoch before.

The 68 points in iBUG order: 0-16 jaw, 17-26 brows, 27-35 nose (27-30 its ridge), 36-47 eyes, 48-59
outer and 60-67 inner mouth.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..core.errors import InputError
from ..core.registry import Registry
from ..geometry.checks import check_shape
from ..geometry.contour import JAW
from ..geometry.landmarks import Contour, require_same_contour
from .term import make_term


@make_term("predicted", "target", "unit")
def landmark_distance(predicted: Tensor, target: Tensor, unit: Tensor) -> Tensor:
    """Squared distance of each point, in multiples of a unit.

    >>> unit = torch.tensor([[10.0]])
    >>> landmark_distance(torch.tensor([[[3.0, 4.0]]]), torch.zeros(1, 1, 2), unit)
    tensor([[0.2500]])

    Args:
        predicted: (B,L,2) pixels.
        target: (B,L,2) pixels.
        unit: (B,1) length in pixels that counts as 1, such as the distance of the eyes.

    Returns:
        (B,L).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("target", target, tuple(predicted.shape))
    check_shape("unit", unit, (len(predicted), 1))
    return (predicted - target).square().sum(-1) / unit.square()


def known_points(target: Tensor) -> Tensor:
    """Which points of (B,L,2) are known: (B,L) bool, False where a coordinate is NaN."""
    check_shape("target", target, (None, None, 2))
    return torch.isfinite(target).all(-1)


@make_term("predicted", "target", "unit", masks=["weights"])
def landmark_loss(
    predicted: Tensor,
    target: Tensor,
    weights: Tensor,
    unit: Tensor,
    *,
    contours: tuple[Contour, Contour],
) -> Tensor:
    """Weighted mean squared distance of the points: 1/N sum_n w_n ||p_n - p'_n||^2.

    MLANet's eq 12 (in pixels of its 224-px crop: `unit` 1) and Mobile-FaceRNet's eq 12, which
    writes a bare sum: here it is the mean, of coordinates in parts of the image's side (`unit` its
    size), as its weight of 400 demands. With the weights of `LandmarkErrorWeights` it is
    Mobile-FaceRNet's eq 13. The mean is over N points, not over the weights: a weight of 20 counts
    twenty-fold, as in Deep3D's code.

    >>> target = torch.tensor([[[0.0, 0.0], [float("nan")] * 2]])  # the second is not known
    >>> predicted = torch.tensor([[[3.0, 4.0], [7.0, 7.0]]])
    >>> weights, pixel = torch.tensor([2.0, 1.0]), torch.ones(1, 1)
    >>> landmark_loss(predicted, target, weights, pixel, contours=("3d", "3d"))
    tensor([50.])

    Args:
        predicted: (B,L,2) pixels. Points that the face model lacks (NaN) need a weight of 0.
        target: (B,L,2) pixels, NaN where a point is not known.
        weights: (L,) >= 0; presets in `landmark_weights`.
        unit: (B,1) pixels that count as 1.
        contours: kind of the jaw points ("2d" or "3d") of the prediction and of the target.

    Returns:
        (B,). N counts the points that are known and weigh more than 0; the others get a gradient
        of 0. The loss is 0 where there are none.

    Raises:
        InputError: the shapes differ, or the kinds of jaw points do.
    """
    require_same_contour(*contours)
    check_shape("predicted", predicted, (None, None, 2))
    check_shape("weights", weights, (predicted.shape[1],))
    check_shape("target", target, tuple(predicted.shape))
    counted = known_points(target) & (weights > 0)
    # Replaced before the difference: NaN times a weight of 0 would still be NaN.
    predicted = torch.where(counted[..., None], predicted, 0.0)
    target = torch.where(counted[..., None], target, 0.0)
    distance = landmark_distance(predicted, target, unit) * weights
    return distance.sum(1) / counted.sum(1).clamp(min=1)


LANDMARK_WEIGHTS: Registry[Tensor] = Registry("landmark weights")
"""Entries give (68,) float32 weights for `landmark_loss`."""


@LANDMARK_WEIGHTS.register("uniform")
def uniform_weights() -> Tensor:
    """1 for every point."""
    return torch.ones(68)


@LANDMARK_WEIGHTS.register("deep3d")
def deep3d_weights() -> Tensor:
    """20 on the lower ridge of the nose (28-30) and the inner mouth (60-67), 1 elsewhere.

    As Deep3DFaceRecon's code has it, in TensorFlow and in PyTorch.
    """
    weights = torch.ones(68)
    weights[28:31] = 20
    weights[60:] = 20
    return weights


@LANDMARK_WEIGHTS.register("mlanet")
def mlanet_weights() -> Tensor:
    """20 on the inner mouth, 1 elsewhere: eq 12's text, which leaves Deep3D's nose points out."""
    weights = torch.ones(68)
    weights[60:] = 20
    return weights


@LANDMARK_WEIGHTS.register("mobile-facernet")
def mobile_facernet_weights() -> Tensor:
    """0.5 on the 17 points of the jaw, 1 on the 51 others.

    Mobile-FaceRNet's text under eq 12 counts 16 and 52, but iBUG's contour has 17 points.
    """
    weights = torch.ones(68)
    weights[:JAW] = 0.5
    return weights


@LANDMARK_WEIGHTS.register("inner")
def inner_weights() -> Tensor:
    """1 on the 51 points inside the face, 0 on the jaw: for targets with another contour."""
    weights = torch.ones(68)
    weights[:JAW] = 0
    return weights


def landmark_weights(name: str) -> Tensor:
    """The weights of the 68 landmarks that a paper uses.

    >>> landmark_weights("deep3d")[[27, 28, 60]]
    tensor([ 1., 20., 20.])

    Args:
        name: "uniform", "deep3d", "mlanet", "mobile-facernet" or "inner".

    Returns:
        (68,) float32.

    Raises:
        UnknownNameError: there are none of this name.
    """
    return LANDMARK_WEIGHTS.create(name)


def _alone(tensor: Tensor) -> Tensor:
    return tensor


class LandmarkErrorWeights:
    """Keeps e_i, the mean error of landmark i in the last epoch, as its weight in this one.

    Mobile-FaceRNet's eq 13, L_land_error = sum_i e_i ||v_i - v'_i||^2, added "after the fifth
    iteration" to train the worst points harder. "Iteration" can only be the epoch: e_i is an
    average, and one batch's would be noise. The sum runs over the paper's 52 'fixed' points; iBUG
    has 51 besides the 17 of the jaw.

    Use: `landmark_loss(..., weights.current, unit)` and `weights.add(...)` in every step,
    `weights.end_epoch()` after every epoch.

    >>> weights, pixel = LandmarkErrorWeights(torch.ones(2), start=1), torch.ones(1, 1)
    >>> weights.add(torch.tensor([[[3.0, 4.0], [0.0, 1.0]]]), torch.zeros(1, 2, 2), pixel)
    >>> weights.end_epoch()
    >>> weights.current
    tensor([5., 1.])

    Args:
        counted: (L,) > 0 where a point takes part; None: the 51 of the 68 that are not on the jaw.
        start: how many epochs pass with weights of 0.
        device: where the errors are summed.

    Raises:
        InputError: `start` is less than 1, or `counted` has another shape.
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
        """Count the errors of a batch.

        Unknown points and predictions that are not finite do not count.

        Args:
            predicted: (B,L,2) pixels.
            target: (B,L,2) pixels, NaN where a point is not known.
            unit: (B,1) pixels that count as 1.

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
