"""Photographs with the face turned: training pictures of large poses from ordinary photographs.

After the face profiling of 300W-LP (Zhu et al., Face Alignment Across Large Poses: A 3D Solution,
CVPR 2016, section 3.3): a fitted face and a background with depth are turned and drawn with the
photograph as their texture. What the photograph does not show of the face is taken from the other
half of the face, where that was seen, else extended from its surroundings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...core.errors import InputError
from ...geometry.coefficients import Coefficients
from ...geometry.face_model import FaceModel
from ...geometry.mesh import vertex_normals
from ...geometry.posed import FaceCamera, PosedFaces
from ...geometry.sh import rotate_light
from ...render.back_ends import get_rasterizer
from ...render.overlay import to_image, to_picture
from ...render.rasterizer import Fragments, Rasterizer
from .camera import Eye, turned_camera
from .fill import ColourExtension, brim_of, cosine_to_viewer, distance_to_edge, outer_face, ramp
from .sheet import Sheet

Picture = NDArray[np.uint8]

_HIDDEN = 3.0  # mm behind the nearest surface of the photograph: not seen in it
_STRETCH = (0.15, 0.4)  # cosine to the viewer then over now: from not used to fully used
_KNOWN = (0.25, 0.5)  # cosine to the viewer at which a vertex's colour is believed
_SOFT = 5.0  # degrees of turn from which outlines are smoothed; a photograph's are
_GAIN = (0.5, 1.8)  # of light between the two halves of a face
_GRAZING = (0.1, 0.35)  # cosine to the viewer then: what lies beside the face may be seen there
_EDGE = (3.0, 8.0)  # mm from the face's outline then: the same
_FIRM = 20.0  # degrees of turn from which these two are minded
_TINY = 1e-6


@dataclass(frozen=True)
class TurnedPhotograph:
    """A photograph with its face turned.

    Attributes:
        picture: (H,W,3) uint8.
        face: coefficients and camera, in the picture's pixels; the light turned with the head.
        mask: (H,W) in [0,1], the face; eyes, ears and what else the model has belong to it.
        shares: (H,W,3), of every pixel of the face: what is the photograph there, its mirror
            image, and extended colour. They sum to 1 on the face and are 0 elsewhere.
        skin: (H,W) uint8, 255 on facial skin, where the photograph had such a mask.
    """

    picture: Picture
    face: PosedFaces
    mask: NDArray[np.float32]
    shares: NDArray[np.float32]
    skin: Picture | None


class FaceTurner:
    """Turns faces of one model. Make one, use it for many photographs.

    Args:
        model: the face model; with its `mirror`, hidden parts come from the other half.
        rasterizer: a registered name, or an object with the four primitives.
    """

    def __init__(self, model: FaceModel, rasterizer: str | Rasterizer = "cpu") -> None:
        self.model = model
        self.triangles = model.faces.to(torch.int32).contiguous()
        self.rasterizer = get_rasterizer(rasterizer) if isinstance(rasterizer, str) else rasterizer
        self.extension = ColourExtension(model)
        self.skin = model.region("skin").float()
        self.brim = brim_of(model)

    def open(
        self,
        picture: Picture,
        coefficients: Coefficients,
        camera: FaceCamera,
        skin: Picture | None = None,
    ) -> OpenPhotograph:
        """A photograph whose face can be turned any number of times.

        Args:
            picture: (H,W,3) uint8.
            coefficients, camera: one fitted face, in the photograph's pixels.
            skin: (H,W) uint8, 255 on facial skin; turned along.

        Raises:
            InputError: another type or shape, more than one face, or a face of which nothing is
                seen in the photograph.
        """
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise InputError("picture", "uint8 (H,W,3)", f"{picture.dtype} {picture.shape}")
        if skin is not None and skin.shape != picture.shape[:2]:
            raise InputError("skin", f"shape {picture.shape[:2]}", f"{skin.shape}")
        face = PosedFaces(coefficients, camera)
        if len(face) != 1:
            raise InputError("coefficients", "one face", str(len(face)))
        with torch.no_grad():
            return OpenPhotograph(self, picture, face, skin)


class OpenPhotograph:
    """One photograph and its face; made by `FaceTurner.open`."""

    def __init__(
        self, turner: FaceTurner, picture: Picture, face: PosedFaces, skin: Picture | None
    ) -> None:
        self._turner, self.face = turner, face
        self.size = picture.shape[0], picture.shape[1]
        model, camera = turner.model, face.camera
        self._photo = to_image(picture)
        layers = [self._photo]
        if skin is not None:
            layers.append(torch.from_numpy((skin > 127).astype(np.float32))[None, None])
        self._texture = torch.cat(layers, 1).permute(0, 2, 3, 1).contiguous()
        self._vertices = model.vertices(face.coefficients)
        self.pivot = (self._vertices[0].amin(0) + self._vertices[0].amax(0)) / 2
        self._eye = Eye.of(camera, self.pivot)
        self._in_camera = camera.to_camera(self._vertices)
        self._normals = vertex_normals(self._in_camera, model.faces)
        self._clip = camera.to_clip(self._vertices, self.size)
        self._cosine = cosine_to_viewer(self._in_camera, self._normals, camera)
        self._far, mask, inner, depth = self._depth()
        self._edge = distance_to_edge(mask, inner) / self._eye.per_mm
        self._attributes = self._vertex_attributes()
        self._sheet = Sheet.of(self._photo, mask, inner, depth, self._eye)

    def _depth(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The farthest of 3x3 neighbours, with which (1,H,W) a slanted surface does not hide
        itself; the face's mask (H,W) bool, the same without its brim, its camera space z (H,W)."""
        turner = self._turner
        fragments = turner.rasterizer.rasterize(self._clip, turner.triangles, self.size)
        values = torch.cat([self._in_camera[..., 2:], turner.brim[None, :, None]], -1)
        maps = turner.rasterizer.interpolate(values, fragments, turner.triangles)
        depth, mask = maps[..., 0], fragments.covered
        if not bool(mask.any()):
            raise InputError("camera", "a face in the photograph", "one outside of it")
        lowest = torch.full_like(depth, float(self._in_camera[..., 2].min()) - 1000)
        farthest = -functional.max_pool2d(-torch.where(mask, depth, lowest), 3, 1, 1)
        return farthest, mask[0], mask[0] & (maps[0, ..., 1] < 0.5), depth[0]

    def _vertex_attributes(self) -> Tensor:
        """(1,V,16): place in the photograph (x, y, w), z and cosine; the mirror vertex's; gain
        of the mirror image (3), colour where nothing is known (3)."""
        turner, model = self._turner, self._turner.model
        seen_from = torch.cat(
            [self._clip[..., [0, 1, 3]], self._in_camera[..., 2:], self._cosine[..., None]], -1
        )
        seen, edge = self._seen(seen_from[:, None])
        trust = seen[0, 0] * ramp(self._cosine[0], *_KNOWN) * ramp(edge[0, 0], *_EDGE)
        colours = self._look_up(seen_from[:, None])[0, 0]
        known = colours[:, :3]
        painted = turner.extension.colours(known, trust)
        other, gain = torch.zeros_like(seen_from), torch.ones_like(known)
        other[..., 2] = 1  # any place: a cosine of 0 is never trusted
        if model.mirror is not None:
            other = seen_from[:, model.mirror]
            gain = turner.extension.gain(known, trust, model.mirror).clamp(*_GAIN)
        return torch.cat([seen_from, other, gain[None], painted[None]], -1)

    def turn(self, yaw: float, pitch: float = 0.0) -> TurnedPhotograph:
        """The photograph after the face turned further.

        Args:
            yaw: degrees added to the face's; positive turns the nose to the image's left.
            pitch: degrees added; positive lifts the nose.

        Raises:
            InputError: a turn out of range (see `profiling_camera`).
        """
        camera = turned_camera(self.face.camera, yaw, pitch, self.pivot)
        most = max(abs(yaw), abs(pitch))
        with torch.no_grad():
            turn = camera.rotation[0].double() @ self.face.camera.rotation[0].double().mT
            face, shares = self._draw(camera, turn.to(self._vertices), most)
            background = self._sheet.turned(
                turn.to(self._vertices), self._eye, self._turner.rasterizer
            )
            alpha = face[:, -1:]
            image = face[:, :3] + (1 - alpha) * background
            coefficients = self.face.coefficients
            if most > 0:
                light = coefficients.light
                coefficients = replace(
                    coefficients, light=rotate_light(light, turn[None].to(light))
                )
        skin = None
        if self._texture.shape[3] == 4:
            skin = np.where(face[0, 3].numpy() > 0.5, 255, 0).astype(np.uint8)
        return TurnedPhotograph(
            to_picture(image[0]),
            PosedFaces(coefficients, camera),
            alpha[0, 0].numpy(),
            shares[0].numpy(),
            skin,
        )

    def _draw(self, camera: FaceCamera, turn: Tensor, most: float) -> tuple[Tensor, Tensor]:
        """The face alone: colours, skin where it is known and cover (1,4 or 5,H,W), the first two
        times the cover; and shares (1,H,W,3)."""
        turner, rasterizer = self._turner, self._turner.rasterizer
        clip = camera.to_clip(self._vertices, self.size)
        fragments = rasterizer.rasterize(clip, turner.triangles, self.size)
        covered = outer_face(clip, turner.model.faces, fragments)
        colours, shares = self._paint(camera, turn, fragments, covered, min(1.0, most / _FIRM))
        face = torch.cat([colours, covered[..., None].to(colours)], -1)
        soft = min(1.0, most / _SOFT)
        if soft > 0:
            smooth = rasterizer.antialias(face, fragments, clip, turner.triangles)
            face = face + soft * (smooth - face)
        return face.permute(0, 3, 1, 2), shares

    def _paint(
        self,
        camera: FaceCamera,
        turn: Tensor,
        fragments: Fragments,
        covered: Tensor,
        firm: float,
    ) -> tuple[Tensor, Tensor]:
        """Colours (1,H,W,3 or 4) and shares (1,H,W,3) where the face is, 0 elsewhere."""
        turner = self._turner
        now = cosine_to_viewer(camera.to_camera(self._vertices), self._normals @ turn.mT, camera)
        extra = torch.cat([now[..., None], turner.skin[None, :, None]], -1)
        attributes = torch.cat([self._attributes, extra], -1)
        pixels = Fragments(fragments.buffer[covered][None, None])
        maps = turner.rasterizer.interpolate(attributes, pixels, turner.triangles)
        own, other, gain, painted, cosine, skin = maps.split([5, 5, 3, 3, 1, 1], -1)
        first = self._trust(own, cosine, firm)
        second = (1 - first) * self._trust(other, cosine, 1.0)
        parts = torch.cat([first, second, 1 - first - second], -1)
        if self._texture.shape[3] == 4:
            painted, gain = torch.cat([painted, skin], -1), functional.pad(gain, (0, 1), value=1.0)
        values = parts[..., :1] * self._look_up(own)
        values = values + parts[..., 1:2] * self._look_up(other) * gain
        values = (values + parts[..., 2:] * painted).clamp(0, 1)
        colours, shares = (torch.zeros(*covered.shape, v.shape[-1]).to(v) for v in (values, parts))
        colours[covered], shares[covered] = values[0, 0], parts[0, 0]
        return colours, shares

    def _trust(self, place: Tensor, cosine: Tensor, firm: float) -> Tensor:
        """How far (1,H,W,1) the photograph at places (1,H,W,5) is to be used now."""
        then = place[..., 4:]
        usable = ramp(then.clamp(min=0.02) / cosine.clamp(min=0.02), *_STRETCH)
        seen, edge = self._seen(place)
        doubt = 1 - ramp(then, *_GRAZING) * ramp(edge, *_EDGE)[..., None]
        sure = 1 - firm * doubt * ramp(cosine, *_GRAZING)  # the outline now may be that of then
        return usable * sure * seen[..., None]

    def _seen(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """1 where places (1,H,W,5) are not hidden in the photograph, nor out of it, and how far
        the face's outline is there, mm."""
        ndc = place[..., :2] / place[..., 2:3].clamp(min=_TINY)
        height, width = self.size
        inside = (ndc[..., 0].abs() <= 1) & (ndc[..., 1].abs() <= 1)
        column = ((ndc[..., 0] + 1) * (width / 2)).clamp(0, width - 1).nan_to_num().long()
        row = ((1 - ndc[..., 1]) * (height / 2)).clamp(0, height - 1).nan_to_num().long()
        surface = self._far[0, row, column]
        seen = (inside & (place[..., 3] >= surface - _HIDDEN)).to(place)
        return seen, self._edge[row, column]

    def _look_up(self, place: Tensor) -> Tensor:
        """The photograph's colours at places (1,H,W,5)."""
        uv = 0.5 + 0.5 * place[..., :2] / place[..., 2:3].clamp(min=_TINY)
        return self._turner.rasterizer.texture(self._texture, uv.contiguous())
