"""Albedo and light of a fitted face together, over all the skin that the rendering shows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...geometry.checks import check_shape
from ...geometry.coefficients import Coefficients
from ...geometry.face_model import FaceModel
from ...geometry.face_regions import reflectance
from ...geometry.posed import FaceCamera
from ...geometry.sh import sh_basis
from ...render.face import FaceRenderer, Rendering
from .light import ridge_light, solve_light

_ROUNDS = 10
_DOUBTFUL = ("forehead", "ears")
_LEAST = 0.1  # share of the face that must be bare skin for a segmentation to be believed
_SCALE = 0.25  # residual (of [0,1]) at which a pixel counts a quarter
_NOISE = 0.003  # of the mean over all pixels, as of 0.06 each with 400 of them independent
_TINT = 0.5  # relative pull of the light towards one colour; see `ridge_light`
_GREY = 2.5 / 255  # mean spread of the channels below which a photograph has no colours
_WHITE = 0.97  # from which on a photograph's channel may have been cut off


class Appearance:
    """Solves for the albedo and the light of one model's faces.

    Args:
        model: the face model. renderer: of its faces.
    """

    def __init__(self, model: FaceModel, renderer: FaceRenderer) -> None:
        self.model, self.renderer = model, renderer
        modes = model.albedo_basis.transpose(0, 1).flatten(1)
        # Brows are small, and a fringe over them or a shape slightly off would bleach them; over
        # forehead and ears there is hair in many photographs, and modes of patches would paint it:
        # they are judged only where a segmentation says so, brows and lips where it sees these.
        face = reflectance(model) & model.region("face")
        sure = _without(face, model, ("brows", *_DOUBTFUL))
        brows, lips = (face & ~_without(face, model, (name,)) for name in ("brows", "lips"))
        parts = [sure, face & ~brows & ~lips, brows, lips, _eyeballs(model)]
        self.extras = torch.cat([torch.stack(parts, 1).to(modes), modes], 1)[None]

    @torch.no_grad()
    def solve(
        self,
        coefficients: Coefficients,
        camera: FaceCamera,
        photo: Tensor,
        inside: Tensor,
        skin: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Albedo (B,Ka) and light (B,9,3) of B faces, over the skin that they show.

        A grey photograph tells the brightness of both alone: its light comes out without colour,
        and does not take the skin's away.

        Args:
            coefficients: of the fitted faces.
            camera: theirs, in the pixels of `photo`.
            photo: (B,3,H,W) in [0,1].
            inside: (B,1,H,W), 0 outside the photograph.
            skin: (B,4,H,W) in [0,1], how likely the photograph shows bare or bearded skin, brows,
                lips, eyes; not heard for faces that it says show hardly any.
        """
        seen = self._seen(coefficients, camera, photo, self.model.albedo_mean[None], self.extras)
        weight = seen.mask * seen.extras[:, :1] * inside
        if skin is not None:
            bare = seen.mask * inside * (seen.extras[:, 1:5] * skin).sum(1, keepdim=True)
            enough = bare.sum((1, 2, 3)) > _LEAST * weight.sum((1, 2, 3))
            weight = torch.where(enough[:, None, None, None], bare, weight)
        weight = weight * _chessboard(weight.shape[-2], weight.shape[-1])
        basis = seen.extras[:, 5:].unflatten(1, (len(self.model.albedo_basis), 3))
        mean, grey = seen.image, _is_grey(photo, weight)
        if bool(grey.any()):
            basis, mean = _bleached(basis, grey), _bleached(mean, grey)
        return solve_appearance(photo, mean, basis, seen.normals, weight, coefficients.albedo)

    @torch.no_grad()
    def light(
        self,
        coefficients: Coefficients,
        camera: FaceCamera,
        photo: Tensor,
        inside: Tensor,
    ) -> Tensor:
        """The light (B,9,3) on B faces whose albedo is known.

        Args:
            coefficients: of the faces, with their albedo.
            camera: theirs, in the pixels of `photo`.
            photo: (B,3,H,W) in [0,1].
            inside: (B,1,H,W), 0 outside the photograph.
        """
        albedo = self.model.albedo(coefficients)
        seen = self._seen(coefficients, camera, photo, albedo, self.extras[..., :1])
        weight = seen.mask * seen.extras[:, :1] * inside
        return solve_light(photo, seen.image, seen.normals, weight)

    def _seen(
        self,
        coefficients: Coefficients,
        camera: FaceCamera,
        photo: Tensor,
        albedo: Tensor,
        extras: Tensor,
    ) -> Rendering:
        """The faces with their bare colours (B or 1,V,3) and what else is asked of vertices."""
        vertices = self.model.vertices(coefficients)
        size = photo.shape[-2], photo.shape[-1]
        colours = albedo.expand_as(vertices)
        return self.renderer(vertices, camera, size, albedo=colours, extras=extras, antialias=False)


def _is_grey(photo: Tensor, weight: Tensor) -> Tensor:
    """Whether photographs (B,3,H,W) are without colours where faces are seen, (B,) bool."""
    spread = (photo.amax(1, keepdim=True) - photo.amin(1, keepdim=True)) * weight
    return spread.sum((1, 2, 3)) < _GREY * weight.sum((1, 2, 3))


def _bleached(colours: Tensor, grey: Tensor) -> Tensor:
    """Colours (B,...,3,H,W), those of `grey` faces (B,) as grey as they are bright."""
    whole = colours.mean(-3, keepdim=True).expand_as(colours)
    return torch.where(grey.view(-1, *[1] * (colours.ndim - 1)), whole, colours)


def _chessboard(height: int, width: int) -> Tensor:
    """1 and 0 by turns (h,w): what a pixel says of colours, its neighbours say as well."""
    return ((torch.arange(height)[:, None] + torch.arange(width)) % 2 == 0).float()


def _eyeballs(model: FaceModel) -> Tensor:
    """The vertices (V,) bool of both eyes, without their pupils; none where a model has none."""
    found = torch.zeros(len(model.mean), dtype=torch.bool)
    for name in ("left_eye", "right_eye"):
        found |= model.regions.get(name, found)
    return _without(found, model, ("pupil",))


def _without(mask: Tensor, model: FaceModel, regions: Sequence[str]) -> Tensor:
    """A mask (V,) without the regions of a model, those that it has."""
    for name in regions:
        if name in model.regions:
            mask = mask & ~model.regions[name]
    return mask


def solve_appearance(
    photo: Tensor,
    albedo: Tensor,
    basis: Tensor,
    normals: Tensor,
    weight: Tensor,
    start: Tensor,
) -> tuple[Tensor, Tensor]:
    """The albedo coefficients and the light that explain a photograph for a known shape.

    Image formation I = (albedo + sum_k a_k basis_k) * (sh(n) @ light) is linear in either factor:
    light and coefficients are solved for in turn, pixels weighted as Geman and McClure (1987)
    have it, so that hair and shadows pull less than skin. The coefficients have the prior N(0,1).

    Args:
        photo: (B,3,H,W) in [0,1].
        albedo: (B,3,H,W) the mean albedo as seen. basis: (B,K,3,H,W) the modes as seen.
        normals: (B,3,H,W) unit vectors in camera space.
        weight: (B,1,H,W) >= 0, 0 where there is no skin.
        start: (B,K) coefficients to begin with.

    Returns:
        coefficients (B,K), light (B,9,3).
    """
    batch, modes = start.shape
    for name, value in (("albedo", albedo), ("normals", normals)):
        check_shape(name, value, tuple(photo.shape))
    check_shape("basis", basis, (batch, modes, *photo.shape[1:]))
    check_shape("weight", weight, (batch, 1, *photo.shape[2:]))
    heard = (weight.flatten(2) > 0).any(0)[0]  # the rest says nothing
    target, mean, given, normals = (
        image.flatten(2)[..., heard] for image in (photo, albedo, weight, normals)
    )
    given = given / given.sum(2, keepdim=True).clamp(min=1e-6)
    harmonics = sh_basis(normals.transpose(1, 2))  # (B,N,9)
    modes_seen = basis.flatten(3)[..., heard]  # (B,K,3,N)
    found, robust, given_target = start, torch.ones_like(given), target
    colours = mean + _combined(found, modes_seen)
    for _ in range(_ROUNDS):
        design = colours[..., None] * harmonics[:, None]
        light = ridge_light(design, target, given * robust, _TINT)
        shading = torch.einsum("bnl,bcl->bcn", harmonics, light)
        found = _ridge_albedo(modes_seen, shading, target - mean * shading, given * robust)
        colours = mean + _combined(found, modes_seen)
        shown = colours * shading
        # What is white is as bright as the photograph can tell, or brighter.
        target = torch.where(given_target < _WHITE, given_target, given_target.maximum(shown))
        error = (shown - target).square().mean(1, keepdim=True)
        robust = (_SCALE**2 / (error + _SCALE**2)).square()
    return found, light.transpose(1, 2)


def _combined(found: Tensor, modes: Tensor) -> Tensor:
    """The sum (B,3,N) of modes (B,K,3,N) times coefficients (B,K)."""
    return (found[:, None] @ modes.flatten(2)).view(len(modes), *modes.shape[2:])


def _ridge_albedo(modes: Tensor, shading: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Coefficients (B,K) of modes (B,K,3,N) times shading, for target (B,3,N); weight (B,1,N)."""
    root = weight.sqrt()
    design = (modes * (shading * root)[:, None]).flatten(2)
    normal = design @ design.transpose(1, 2)
    right = (design @ (target * root).flatten(1)[..., None])[..., 0]
    strength = torch.full_like(right, 3 * _NOISE**2)
    return torch.linalg.solve(normal + torch.diag_embed(strength), right)
