"""Analysis by synthesis: a face model fitted to photographs through the renderer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.camera import PerspectiveCamera
from ...geometry.checks import check_finite, check_shape
from ...geometry.coefficients import Coefficients
from ...geometry.face_model import FaceModel
from ...losses.coefficients import blendshape_prior, gaussian_prior, light_prior
from ...losses.landmark import landmark_distance
from ...losses.photometric import robust_photometric
from ...losses.reduction import masked_mean_each
from ...render.face import FaceRenderer, Rendering
from .appearance import Appearance
from .config import FitConfig, Stage
from .light import solve_light
from .model import expression_spread, five_points, point_model, vertex_trust
from .pose import POSE_SPREAD, PointFit, face_from_points, pose_from_points
from .state import FitState

Crops = Callable[[int], tuple[Tensor, Tensor]]


# Adam's step per variable, in that variable's own units.
_STEP = {
    "angles": 0.010,
    "shift": 0.0015,
    "log_distance": 0.005,
    "identity": 0.09,
    "expression": 0.03,
    "albedo": 0.12,
    "light": 0.02,
}

_WARM_UP = 10  # steps
_POSE_SIZE = 224  # pixels in which the points' fit is done
_NOISE = 0.001  # robust error that a perfect fit would still leave
_BELIEF = 0.008  # robust error of the sure parts at which the unsure ones are half believed


@dataclass(frozen=True)
class Fit:
    """A fitted batch of faces.

    Attributes:
        coefficients: of the B faces.
        camera: for crops of `size` pixels.
        size: side of the crop in pixels.
        loss: (steps,) total loss of every step.
    """

    coefficients: Coefficients
    camera: PerspectiveCamera
    size: int
    loss: Tensor


class FaceFitter:
    """Fits one face model to crops of photographs.

    Args:
        model: the face model; needs the landmark set `ibug68`.
        config: weights and schedule.
    """

    def __init__(self, model: FaceModel, config: FitConfig | None = None) -> None:
        self.model, self.config = model, config or FitConfig()
        self.renderer = FaceRenderer(model.faces)
        self.trust = vertex_trust(model)
        self.appearance = Appearance(model, self.renderer)
        self.points = point_model(model)
        self.spread = expression_spread(model)

    def fit(
        self,
        crops: Crops,
        points: Tensor,
        on_step: Callable[[], None] = lambda: None,
    ) -> Fit:
        """Fit B faces.

        Args:
            crops: gives, for a side in pixels, the crops (B,3,S,S) in [0,1] and where they lie
                inside the photograph (B,1,S,S).
            points: (B,5,2) detected points as fractions of the crop's side: the subject's right
                eye, left eye, nose tip, right and left mouth corner.
            on_step: called after every step, for a progress bar.
        """
        check_shape("points", points, (None, 5, 2))
        check_finite("points", points)
        state = FitState.start(self.model, [self._start(p) for p in points])
        side = self.config.stages[0].size
        self._start_light(state, *crops(side))
        return self._descend(state, self.config.stages, crops, points, on_step)

    def refine(
        self,
        crops: Crops,
        coefficients: Coefficients,
        camera: PerspectiveCamera,
        on_step: Callable[[], None] = lambda: None,
    ) -> Fit:
        """Go on from one face that is known roughly, by the photograph alone.

        Args:
            crops: as in `fit`.
            coefficients: of one face. camera: for the crops, scaled to a side of 1.
            on_step: as in `fit`.
        """
        body = self.model.landmark_points(self.model.vertices(coefficients))
        body = body[:, self.model.landmark_set("ibug68").valid]
        seen = camera.project(body)[0, :, :2]
        posed = pose_from_points(body[0], seen * _POSE_SIZE, _POSE_SIZE)
        state = FitState.at(coefficients, [posed])
        points = camera.project(five_points(self.model, self.model.vertices(coefficients)))
        return self._descend(state, self.config.refining, crops, points[..., :2], on_step)

    def _descend(
        self,
        state: FitState,
        stages: tuple[Stage, ...],
        crops: Crops,
        points: Tensor,
        on_step: Callable[[], None],
    ) -> Fit:
        optimiser, schedule = self._optimiser(state, stages)
        losses: list[float] = []
        for stage in stages:
            photo, inside = crops(stage.size)
            for _ in range(stage.steps):
                optimiser.zero_grad()
                total = self._photo_loss(state, stage, photo, inside)
                total = total + self._point_loss(state, points)
                total.backward()
                optimiser.step()
                schedule.step()
                losses.append(float(total.detach()))
                on_step()
        size = stages[-1].size
        self._finish_appearance(state, *crops(size))
        camera = PerspectiveCamera(*(v.detach() for v in vars(state.camera(size)).values()))
        return Fit(state.coefficients().detach(), camera, size, torch.tensor(losses))

    def _start(self, points: Tensor) -> PointFit:
        """The most probable pose, identity and expression given the points (5,2) alone."""
        body = self.points
        basis = torch.cat([body.identity, body.expression])
        shapes = self.model.expression_kind == "blendshape"
        spread = torch.cat([torch.ones(len(body.identity)), self.spread])
        bounded = torch.arange(len(basis)) >= (len(body.identity) if shapes else len(basis))
        return face_from_points(body.mean, points * _POSE_SIZE, _POSE_SIZE, basis, spread, bounded)

    def _start_light(self, state: FitState, photo: Tensor, inside: Tensor) -> None:
        with torch.no_grad():
            vertices = self.model.vertices(state.coefficients())
            albedo = self.model.albedo(state.coefficients())
            seen = self.renderer(
                vertices,
                state.camera(photo.shape[-1]),
                _size(photo),
                albedo=albedo,
                extras=self.trust,
                antialias=False,
            )
            weight = seen.mask * seen.extras * inside
            state.light.copy_(solve_light(photo, seen.image, seen.normals, weight, scale=0.2))

    def _finish_appearance(self, state: FitState, photo: Tensor, inside: Tensor) -> None:
        """Albedo and light once more, over all visible skin: the shape no longer moves."""
        albedo, light = self.appearance.solve(
            state.coefficients().detach(), state.camera(photo.shape[-1]), photo, inside
        )
        with torch.no_grad():
            state.albedo.copy_(albedo)
            state.light.copy_(light)

    def _optimiser(
        self, state: FitState, stages: tuple[Stage, ...]
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        """Adam over all stages, its rate warmed up and then lowered to 0 along a cosine."""
        groups = [{"params": [v], "lr": _STEP[k]} for k, v in state.variables()]
        steps = sum(stage.steps for stage in stages)

        def rate(step: int) -> float:
            return min(1.0, (step + 1) / _WARM_UP) * (1 + math.cos(math.pi * step / steps)) / 2

        optimiser = torch.optim.Adam(groups, betas=(0.9, 0.99))
        return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, rate)

    def _point_loss(self, state: FitState, points: Tensor) -> Tensor:
        """Detected points and priors: needs no rendering. Sum over the faces."""
        config, coefficients = self.config, state.coefficients()
        camera = state.camera(1)
        projected = camera.project(self.points.vertices(coefficients))[..., :2]
        eyes = (points[:, 0] - points[:, 1]).norm(dim=-1, keepdim=True)
        return (
            config.landmark * landmark_distance(projected, points, eyes).mean(1)
            + config.prior * self._prior(state)
            + config.light_prior * light_prior(coefficients.light).flatten(1).mean(1)
        ).sum()

    def _photo_loss(self, state: FitState, stage: Stage, photo: Tensor, inside: Tensor) -> Tensor:
        """The rendering against the photograph. Sum over the faces.

        The logarithm of the mean robust error is the likelihood with the noise level estimated
        from the residuals themselves: a clean photograph counts more than one that the model
        cannot explain. Parts that often hide (forehead, cheeks, jaw) are believed as far as the
        sure ones fit.
        """
        config, coefficients = self.config, state.coefficients()
        vertices = self.model.vertices(coefficients)
        seen = self._render(vertices, coefficients, state.camera(stage.size), photo)
        shown = seen.over(photo)
        error = robust_photometric(shown, photo, stage.photometric_scale)
        visible = (seen.mask * inside).detach()
        sure = masked_mean_each(error.detach(), visible * seen.extras)[:, None, None, None]
        belief = _BELIEF / (_BELIEF + sure)
        weight = visible * (seen.extras + belief * (1 - seen.extras).clamp(min=0))
        return config.photometric * (masked_mean_each(error, weight.detach()) + _NOISE).log().sum()

    def _render(
        self, vertices: Tensor, coefficients: Coefficients, camera: PerspectiveCamera, photo: Tensor
    ) -> Rendering:
        return self.renderer(
            vertices,
            camera,
            _size(photo),
            albedo=self.model.albedo(coefficients),
            light=coefficients.light,
            extras=self.trust,
        )

    def _prior(self, state: FitState) -> Tensor:
        """Squared standard deviations from the most probable face, (B,)."""
        pose = state.angles / state.angles.new_tensor(POSE_SPREAD)
        shapes = self.model.expression_kind == "blendshape"
        terms = [
            gaussian_prior(pose),
            gaussian_prior(state.identity),
            gaussian_prior(state.albedo),
            blendshape_prior(state.expression, self.spread)
            if shapes
            else gaussian_prior(state.expression),
        ]
        return torch.cat(terms, 1).sum(1)


def _size(photo: Tensor) -> tuple[int, int]:
    return photo.shape[-2], photo.shape[-1]
