"""One photograph, six expressions: the same person with other weights of the 52 ARKit shapes.

python examples/expressions.py [PHOTO]        writes expressions.jpg
"""

import sys

import numpy as np
import selfie3d
from PIL import Image
from selfie3d.pipeline import PHOTO

EXPRESSIONS = {
    "as in the photograph": None,
    "at rest": {},
    "jaw open": {"jawOpen": 0.7},
    "smile": {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.5},
    "surprise": {"browInnerUp": 1.0, "eyeWideLeft": 0.8, "eyeWideRight": 0.8, "jawOpen": 0.3},
    "wink": {"eyeBlinkLeft": 1.0, "mouthSmileLeft": 0.6},
}

face = selfie3d.reconstruct(sys.argv[1] if len(sys.argv) > 1 else PHOTO)[0]
pictures = []
for name, weights in EXPRESSIONS.items():
    shown = face if weights is None else face.animate(weights, neutral=True)
    strongest = sorted(shown.expressions.items(), key=lambda pair: -pair[1])[:3]
    print(f"{name}:", ", ".join(f"{shape} {weight:.2f}" for shape, weight in strongest))
    pictures.append(shown.render((0, 10, 0), size=256))
Image.fromarray(np.hstack(pictures)).save("expressions.jpg", quality=88)
