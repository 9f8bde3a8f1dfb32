"""How much of a head is left in a smaller photograph: where it differs, in millimetres.

    python examples/resolution.py [PHOTO]         writes resolution.jpg

Blue is 0 mm, red 1 mm and more, at rest and laid over each other.
"""

import sys
from dataclasses import replace

import numpy as np
import selfie3d
import torch
from PIL import Image
from selfie3d.geometry import UVMapper, align_points
from selfie3d.pipeline import PHOTO, Reconstructor, as_picture

WIDTHS = (64, 40, 24)  # of the face in the smaller photographs, pixels
MOST = 1.0  # mm
COLOURS = torch.tensor([[0.2, 0.3, 0.8], [0.9, 0.9, 0.7], [0.8, 0.15, 0.1]])

picture = as_picture(sys.argv[1] if len(sys.argv) > 1 else PHOTO)
reconstruct = Reconstructor(selfie3d.ReconstructOptions(max_faces=1))
face = reconstruct(picture)[0].animate({}, neutral=True)
model, own = face.model, face.vertices.numpy()
mapper = UVMapper(model.uv, model.uv_faces, model.faces, 512)
columns = [face.render((0, 25, 0))]
for width in WIDTHS:
    share = width / (face.box[2] - face.box[0])
    size = [round(side * share) for side in picture.shape[1::-1]]
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
    other = reconstruct(small)[0].animate({}, neutral=True).vertices
    laid = align_points(other.numpy(), own, fixed_scale=1.0).apply_array(other.numpy())
    distance = torch.from_numpy(np.linalg.norm(laid - own, axis=1)).float()
    print(f"face {width} pixels wide: {distance.mean():.2f} mm on average")
    place = (2 * distance / MOST).clamp(0, 2)[:, None]
    low = place.long().clamp(max=1)[:, 0]
    colours = torch.lerp(COLOURS[low], COLOURS[low + 1], place - low[:, None])
    painted = replace(face.texture, image=mapper.position_map(colours[None])[0])
    columns.append(replace(face, texture=painted).render((0, 25, 0)))
Image.fromarray(np.hstack(columns)).save("resolution.jpg", quality=88)
