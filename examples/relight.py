"""One photograph in other light: lamps from the left, the right and below, and a red one.

    python examples/relight.py [PHOTO]            writes relight.jpg

Spherical harmonics, nine rows of red, green and blue: the ambient part, then x (right), y (up),
z (to the viewer) of a soft lamp; geometry/conventions.md has order and constants.
"""

import sys

import numpy as np
import selfie3d
import torch
from PIL import Image
from selfie3d.pipeline import PHOTO, Reconstructor, Sources, as_picture, transfer_face

AMBIENT, Y, Z, X = 0, 1, 2, 3


def lamp(
    x: float, y: float, z: float, colour: tuple[float, float, float] = (1, 1, 1)
) -> torch.Tensor:
    """A light (9,3): a lamp in this direction, and more from everywhere."""
    light = torch.zeros(9, 3)
    light[AMBIENT], light[X], light[Y], light[Z] = 3.0, x, y, z
    return light * torch.tensor(colour)


picture = as_picture(sys.argv[1] if len(sys.argv) > 1 else PHOTO)
reconstructor = Reconstructor(selfie3d.ReconstructOptions(max_faces=1))
left, top, right, bottom = reconstructor(picture)[0].box
side = 0.35 * (bottom - top)
window = (left - 1.5 * side, max(top - 2 * side, 0), right + 1.5 * side, bottom + side)

lights = [lamp(-1.2, 0, 0.6), lamp(1.2, 0, 0.6), lamp(0, -1, 0.6), lamp(0, 0.3, 1, (1.2, 0.8, 0.6))]
changed = [transfer_face(reconstructor, picture, Sources(light=light)) for light in lights]
pictures = [picture, *(one.picture for one in changed)]
shown = [Image.fromarray(p).crop(tuple(map(round, window))).resize((240, 240)) for p in pictures]
Image.fromarray(np.hstack([np.asarray(one) for one in shown])).save("relight.jpg", quality=88)
