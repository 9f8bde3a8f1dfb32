"""Drawn photographs of ICT-FaceKit's heads, for networks that have never seen their geometry.

Skins are of a face model's albedo at corresponding points, with patches of their own; then eyes,
teeth, a cap of hair, light, a plain or noisy ground, blur, noise and JPEG. Plain drawings: gazes do
not move and light casts no shadows.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import torch
from ict_heads import HEAD, Registration
from ict_views import SIDE
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.closest import ClosestPoints
from selfie3d.geometry.mesh import vertex_normals
from selfie3d.geometry.sh import ambient_light
from selfie3d.render.face import FaceRenderer
from shape_figures import INSIDE, NOSE_TIP, Array, JudgedSkin
from torch import Tensor

_DRAWN = 24591  # ICT's first vertices: skin, mouth sock and sockets, gums, teeth, eyeballs
_SOCK, _GUMS, _TEETH = slice(HEAD, 14062), slice(14062, 17039), slice(17039, 21451)
_EYEBALLS = slice(21451, 23021), slice(23021, 24591)
_IRISES = ((0.25, 0.15, 0.08), (0.3, 0.4, 0.5), (0.3, 0.35, 0.2))
_HAIR = ((0.08, 0.06, 0.05), (0.25, 0.16, 0.1), (0.55, 0.42, 0.26), (0.5, 0.5, 0.5))
_WAVES = (60, 25, 10)  # mm, of the skin's patches


@dataclass(frozen=True)
class Look:
    """Colours (V,3) of a head, sRGB-coded, and how far hair lifts its skin (HEAD,), mm."""

    colours: Array
    lift: Array


class Painter:
    """Draws heads; one painter for many pictures.

    Args:
        known: the heads with the face model that lends its albedo.
    """

    def __init__(self, known: Registration) -> None:
        heads, self._model = known.heads, known.skin.model
        self._mean, self._marks = heads.mean, heads.mean[heads.points]
        skin = JudgedSkin.of(self._model, INSIDE)
        surface = ClosestPoints(known.place(heads.mean)[skin.ids], skin.faces)
        near = surface.query(heads.mean[:HEAD])
        self._corners, self._weights = skin.ids[near.corners], near.weights
        self._far = np.linalg.norm(near.points - heads.mean[:HEAD], axis=1)
        self._skin = torch.from_numpy(heads.part(HEAD))
        self._renderer = FaceRenderer(torch.from_numpy(heads.part(_DRAWN)))

    def look(self, random: np.random.Generator) -> Look:
        """Somebody's colours on some day."""
        colours = np.full((_DRAWN, 3), 0.25)
        skin, tone = self._complexion(random)
        colours[_SOCK], colours[_GUMS], colours[_TEETH] = (
            tone * 0.45,
            (0.6, 0.3, 0.3),
            (0.85, 0.82, 0.76),
        )
        iris = _IRISES[random.integers(len(_IRISES))]
        for eye in _EYEBALLS:
            front = self._mean[eye]
            ring = np.linalg.norm((front - front[front[:, 2].argmax()])[:, :2], axis=1)[:, None]
            colours[eye] = np.where(ring < 2, 0.03, np.where(ring < 6, iris, 0.8))
        hair, lift = self._hair(random) if random.random() < 0.9 else (None, np.zeros(HEAD))
        if hair is not None:
            skin = skin * (1 - hair[:, :1]) + hair[:, 1:]
        colours[:HEAD] = skin
        return Look(colours.clip(0.01, 0.99), lift)

    def _complexion(self, random: np.random.Generator) -> tuple[Array, Array]:
        """The skin's colours (HEAD,3), and its tone where the model has none (3,)."""
        model = self._model
        values = torch.from_numpy(random.normal(0, 0.9, len(model.albedo_basis))).float()
        own = (model.albedo_mean + torch.tensordot(values, model.albedo_basis, 1)).double().numpy()
        skin = np.einsum("nk,nkc->nc", self._weights, own[self._corners])
        tone = np.median(skin[self._far < 2], 0)
        share = np.clip((self._far - 3) / 6, 0, 1)[:, None]
        skin = skin * (1 - share) + tone * share
        for wave in _WAVES:
            turns = random.normal(0, 1, (3, 6)) * np.pi / wave
            phases = self._mean[:HEAD] @ turns + random.uniform(0, 6, 6)
            skin = skin * (1 + 0.012 * np.sin(phases).sum(1, keepdims=True))
        return skin, tone

    def _hair(self, random: np.random.Generator) -> tuple[Array, Array]:
        """Cover and covered colour (HEAD,4) of a cap of hair above a wavy line, and its height."""
        x, y, z = self._mean[:HEAD].T
        brow = self._marks[17:27, 1].mean()
        wave = np.sin(x / random.uniform(8, 20) + random.uniform(0, 6))
        line = brow + random.uniform(38, 60) + 5 * wave
        back = self._marks[NOSE_TIP, 2] - random.uniform(95, 115)
        inside = np.maximum(y - line, np.minimum(back - z, y - brow + 45))  # mm
        cover = np.clip((inside + 3) / 6, 0, 1)[:, None]
        shade = np.array(_HAIR[random.integers(len(_HAIR))])
        grain = 1 + 0.2 * np.sin(x * random.uniform(0.8, 2) + np.sin(y / 19))[:, None]
        height = cover[:, 0] * random.uniform(3, 16)
        return np.concatenate([cover, shade * grain * cover], 1), height

    def photograph(
        self, vertices: Array, look: Look, camera: PerspectiveCamera, random: np.random.Generator
    ) -> bytes:
        """A JPEG file of a head (V,3) as a camera of pictures of `SIDE` pixels sees it."""
        body = torch.from_numpy(vertices[:_DRAWN]).float()[None]
        normals = vertex_normals(body[:, :HEAD], self._skin)
        body[:, :HEAD] += torch.from_numpy(look.lift).float()[:, None] * normals
        double = camera.moved(torch.tensor([[2.0, 0, 0], [0, 2.0, 0]]))
        colours = torch.from_numpy(look.colours).float()[None]
        light = _light(random)
        with torch.no_grad():
            drawn = self._renderer(
                body, double, (2 * SIDE, 2 * SIDE), albedo=colours, light=light, antialias=False
            )
            ground = torch.from_numpy(_ground(random)).float().permute(2, 0, 1)[None]
            ground = ground.repeat_interleave(2, 2).repeat_interleave(2, 3)
            seen = torch.nn.functional.avg_pool2d(drawn.over(ground).clamp(0, 1), 2)
        return _developed(seen[0].permute(1, 2, 0).double().numpy(), random)


def _light(random: np.random.Generator) -> Tensor:
    """Ambient light with one side brighter and a tint, (1,9,3)."""
    light = ambient_light(1, random.uniform(0.75, 1.2))
    side = random.normal(size=3) * (1, 1, 0.6) + (0, 0.4, 0.6)
    side *= random.uniform(0.1, 0.9) / np.linalg.norm(side)
    light[0, 1:4] = torch.from_numpy(side[[1, 2, 0]]).float()[:, None]
    return light * torch.from_numpy(random.uniform(0.85, 1.15, 3)).float()


def _ground(random: np.random.Generator) -> Array:
    """A background (SIDE,SIDE,3): plain, smooth blots, or blots with grain."""
    kind = random.integers(3)
    ground = np.ones((SIDE, SIDE, 3)) * (random.uniform(0.1, 0.9) + random.normal(0, 0.08, 3))
    if kind > 0:
        fine = kind - 1
        for cells, strength in ((3, 0.2), (8, 0.12), (24, 0.1 * fine), (96, 0.08 * fine)):
            grey = random.normal(size=(cells, cells, 1))
            blots = grey + 0.4 * random.normal(size=(cells, cells, 3))
            ground += strength * zoom(blots, (SIDE / cells, SIDE / cells, 1), order=1)
    return ground.clip(0, 1)


def _developed(picture: Array, random: np.random.Generator) -> bytes:
    """Blur, noise and JPEG."""
    sigma = random.uniform(0.2, 0.9)
    picture = gaussian_filter(picture, (sigma, sigma, 0))
    picture = picture + random.normal(0, random.uniform(0, 0.02), picture.shape)
    pixels: NDArray[np.uint8] = (picture.clip(0, 1) * 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(random.integers(70, 96)))
    return file.getvalue()
