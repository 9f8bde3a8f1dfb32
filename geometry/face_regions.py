"""Which part of a face model's surface is compared with photographs, and which is plain skin.

Two masks that are easily taken for one another:

- **The projected face** is everything of the model that is seen in an image and is face: MLANet's
  M in eq 10 and Mobile-FaceRNet's V in eq 14 and 15 are "the projected face area". Brows, eyes,
  lips and jaw belong to it. A model says it by its region `skin`, to which its eyes are added; a
  model without that region is face all over, as Basel's front is.
- **Reflectance** is where skin has about one colour: Deep3D's `skinmask`, over which MLANet's eq 14
  and Deep3D take the albedo's variance. Brows, eyes, lips and the jaw do not belong to it. A model
  says it by its region `reflectance`; without it `skin` is taken.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import InputError
from .face_model import FaceModel

REFLECTANCE = "reflectance"
PROJECTED = "projected"
_EYES = ("left_eye", "right_eye", "eyeballs", "sclera", "iris", "pupil")


def projected_face(model: FaceModel) -> Tensor:
    """The vertices (V,) bool over which renderings and photographs are compared."""
    skin = model.regions.get("skin")
    if skin is None:
        return torch.ones(len(model.mean), dtype=torch.bool, device=model.mean.device)
    eyes = [model.regions[name] for name in _EYES if name in model.regions]
    return torch.stack([skin, *eyes]).any(0)


def reflectance(model: FaceModel) -> Tensor:
    """The vertices (V,) bool whose albedo is nearly one colour."""
    return model.regions[REFLECTANCE] if REFLECTANCE in model.regions else model.region("skin")


def named_face(model: FaceModel, name: str) -> Tensor:
    """The vertices of a named part of a face model.

    Args:
        model: the face model.
        name: `PROJECTED`, one of the model's regions, or "" for all vertices.

    Returns:
        (V,) bool.

    Raises:
        InputError: the model has no such region; the message lists those that it has.
    """
    if name == PROJECTED:
        return projected_face(model)
    if name and name not in model.regions:
        known = ", ".join([PROJECTED, *sorted(model.regions)])
        raise InputError(f"region of face model {model.name!r}", f"one of {known}, or ''", name)
    everywhere = torch.ones(len(model.mean), dtype=torch.bool, device=model.mean.device)
    return model.regions[name] if name else everywhere
