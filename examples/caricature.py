"""The mean face, half the person, the person, and more than the person: identity times a number.

python examples/caricature.py [PHOTO]         writes caricature.jpg
"""

import sys
from dataclasses import replace

import numpy as np
import selfie3d
from PIL import Image
from selfie3d.pipeline import PHOTO

FACTORS = (-1.0, 0.0, 0.5, 1.0, 1.8)

face = selfie3d.reconstruct(sys.argv[1] if len(sys.argv) > 1 else PHOTO)[0]
known = face.coefficients
rows = []
for factor in FACTORS:
    other = replace(face, coefficients=replace(known, identity=factor * known.identity))
    moved = (other.vertices - face.vertices).norm(dim=1).mean()
    print(f"identity x {factor:4.1f}: vertices moved by {moved:.2f} mm on average")
    textured, bare = other.turntable([(0, 25, 0)], 256)
    rows.append(np.vstack([*textured, *bare]))
Image.fromarray(np.hstack(rows)).save("caricature.jpg", quality=88)
