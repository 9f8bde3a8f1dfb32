"""Which face a predictor takes, and what a predicted face says."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.core.errors import InputError, NoFaceError
from selfie3d.detect.face import Face
from selfie3d.evaluate.predict.predicted import nearest_face, overlap
from selfie3d.evaluate.predict.predictor import FitPredictor, load_predictor
from selfie3d.pipeline import reconstructor


def found(*boxes):
    return [Face(box, 0.9, np.zeros((5, 2))) for box in boxes]


def test_overlap():
    assert overlap((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / 7)
    assert overlap((0, 0, 2, 2), (0, 0, 2, 2)) == 1
    assert overlap((0, 0, 1, 1), (2, 2, 3, 3)) == 0
    assert overlap((0, 0, 1, 1), (1, 0, 2, 1)) == 0


def test_the_face_that_overlaps_best_is_taken():
    faces = found((0, 0, 100, 100), (200, 200, 240, 240), (205, 190, 250, 235))
    assert nearest_face(faces, (200, 201, 240, 241)) is faces[1]
    assert nearest_face(faces, None) is faces[0]


def test_another_face_is_no_face():
    for faces in ([], found((0, 0, 100, 100)), found((0, 0, 400, 400))):
        with pytest.raises(NoFaceError):
            nearest_face(faces, (200, 200, 240, 240))


class Maker:
    """Stands for the reconstructor: gives back the face it was asked for."""

    def __init__(self, face, faces):
        self.face, self.faces, self.asked = face, faces, []

    def detect(self, picture):
        return self.faces

    def reconstruct_face(self, picture, face, textured):
        self.asked.append(face)
        return self.face


def test_the_optimiser_starts_from_that_face(face):
    faces = found((0, 0, 100, 100), (200, 200, 240, 240))
    maker = Maker(face, faces)
    got = FitPredictor(maker)(np.zeros((300, 300, 3), np.uint8), (200, 200, 240, 240))
    assert maker.asked == [faces[1]]
    assert got.camera is face.camera


@pytest.mark.parametrize(
    ("word", "weights", "refine"), [("fit", "fit", False), ("refined", "default", True)]
)
def test_words_for_the_optimiser(monkeypatch, word, weights, refine):
    """Alone, or after the network."""
    told = []
    monkeypatch.setattr(reconstructor, "Reconstructor", lambda options: told.append(options))
    predictor = load_predictor(word)
    assert predictor.name == word
    assert (told[0].weights, told[0].refine) == (weights, refine)


def test_a_predicted_face(face):
    points = face.landmarks("300w-lp")
    assert points.shape == face.landmarks_68.shape == (68, 3)
    assert points[30, 2] > points[[0, 16], 2].max()  # the nose is nearer than the ears
    assert face.pose_deg["yaw"] == pytest.approx(np.degrees(0.4), abs=1e-3)
    assert face.vertices.shape == (len(face.model.mean), 3)


def test_words_for_boxes():
    with pytest.raises(InputError, match="protocol, detector"):
        load_predictor("fit", boxes="mine")
