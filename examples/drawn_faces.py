"""Faces that nobody has: drawn by rule, with their landmarks and what each pixel shows.

python examples/drawn_faces.py [SEED]         writes drawn_faces.jpg
"""

import sys

import numpy as np
from PIL import Image
from selfie3d.datasets import SyntheticConfig, SyntheticFaces
from selfie3d.geometry import SEGMENTS
from selfie3d.render import draw_landmarks

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 4
faces = SyntheticFaces(SyntheticConfig(size=192, seed=seed, turns=0.6))
rng = np.random.default_rng(0)
palette = rng.integers(60, 255, (len(SEGMENTS), 3)).astype(np.uint8)
columns = []
for number in range(6):
    face = faces.item(number)
    marked = draw_landmarks(face.image, face.landmarks["ibug68"][:, :2])
    columns.append(np.vstack([face.image, marked, palette[face.segmentation]]))
Image.fromarray(np.hstack(columns)).save("drawn_faces.jpg", quality=88)
