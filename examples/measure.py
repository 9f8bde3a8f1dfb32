"""Distances on a face in millimetres, once the distance of its pupils is known.

    python examples/measure.py [PHOTO [IPD_MM]]   writes measure.jpg

A photograph alone cannot tell how large a head is: 63 mm, most adults' distance of the pupils, is
taken unless you say yours.
"""

import sys

import numpy as np
import selfie3d
from PIL import Image, ImageDraw
from selfie3d.pipeline import PHOTO

DISTANCES = {  # of the 68 landmarks, counted from 0
    "between the inner corners of the eyes": (39, 42),
    "width of the nose": (31, 35),
    "width of the mouth": (48, 54),
    "from the bridge of the nose to the chin": (27, 8),
}

photo, ipd = [*sys.argv[1:3], *(PHOTO, "63")[len(sys.argv[1:3]) :]]
options = selfie3d.ReconstructOptions(ipd=float(ipd), max_faces=1)
faces = selfie3d.reconstruct(photo, options)
face = faces[0].animate({}, neutral=True)
points = face.model.landmark_points(face.vertices[None], "ibug68")[0] * face.scale
seen = faces[0].landmarks_68[:, :2]

scale = 480 / np.ptp(seen[:, 1]) / 1.4
canvas = Image.fromarray(faces.picture)
canvas = canvas.resize((round(canvas.width * scale), round(canvas.height * scale)))
pen = ImageDraw.Draw(canvas)
for name, (one, other) in DISTANCES.items():
    millimetres = float((points[one] - points[other]).norm())
    print(f"{millimetres:6.1f} mm {name}")
    ends = scale * seen[[one, other]]
    pen.line(ends.ravel().tolist(), fill=(255, 220, 60), width=3)
    pen.text(
        tuple(ends[1] + 4),
        f"{millimetres:.0f} mm",
        fill="white",
        stroke_fill="black",
        stroke_width=2,
    )
low, high = scale * seen.min(0) - 70, scale * seen.max(0) + 70
canvas.crop((*low.round(), *high.round())).save("measure.jpg", quality=88)
