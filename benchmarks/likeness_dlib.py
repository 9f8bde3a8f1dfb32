"""Descriptors of likeness.py's views by dlib itself: run by the interpreter of --dlib.

    VENV/bin/python likeness_dlib.py OUT FOLDER_OF_DAT_FILES

Needs dlib-bin and numpy alone. dlib's detector finds the face anew, and its five points align it.
Writes OUT/dlib.npz: descriptors by view, and the names of those in which a face was found.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import dlib
import numpy as np


def main(out: Path, models: Path) -> None:
    detector = dlib.get_frontal_face_detector()
    five = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
    network = models / "dlib_face_recognition_resnet_model_v1.dat"
    net = dlib.face_recognition_model_v1(str(network))
    found, seen = {}, []
    for name, marks in json.loads((out / "views.json").read_text()).items():
        picture = dlib.load_rgb_image(str(out / "views" / f"{name}.png"))
        (x0, y0), (x1, y1) = np.min(marks, 0), np.max(marks, 0)
        half, x, y = 0.47 * max(x1 - x0, y1 - y0), (x0 + x1) / 2, (y0 + y1) / 2
        known = dlib.rectangle(*(round(v) for v in (x - half, y - half, x + half, y + half)))
        faces = [r for r in detector(picture, 0) if r.intersect(known).area() > 0.4 * known.area()]
        seen += [name, f"{name}.mirror"] if faces else []
        box = max(faces, key=lambda r: r.intersect(known).area()) if faces else known
        found[name] = np.array(net.compute_face_descriptor(picture, five(picture, box)))
        if name.endswith(".photo"):
            turned, side = np.ascontiguousarray(picture[:, ::-1]), picture.shape[1]
            box = dlib.rectangle(side - box.right(), box.top(), side - box.left(), box.bottom())
            found[name + ".mirror"] = np.array(
                net.compute_face_descriptor(turned, five(turned, box))
            )
    np.savez(out / "dlib.npz", seen=np.array(seen), **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
