"""Shapes and row selection of the one batch."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.batch import FaceBatch
from selfie3d.geometry.camera import WeakPerspectiveCamera
from selfie3d.geometry.coefficients import Coefficients
from selfie3d.geometry.posed import PosedFaces


def faces(count: int) -> PosedFaces:
    numbers = torch.arange(count, dtype=torch.float32)
    return PosedFaces(
        Coefficients(
            numbers[:, None], torch.zeros(count, 2), torch.zeros(count, 3), torch.zeros(count, 9, 3)
        ),
        WeakPerspectiveCamera(torch.eye(3).expand(count, 3, 3), numbers + 1, torch.zeros(count, 2)),
    )


def batch(count: int = 4) -> FaceBatch:
    numbers = torch.arange(count, dtype=torch.float32)
    return FaceBatch(
        numbers[:, None, None, None].expand(count, 3, 6, 6) / 10,
        tuple(f"set/{k}" for k in range(count)),
        {"aflw21": numbers[:, None, None].expand(count, 21, 2)},
        torch.ones(count, 1, 6, 6),
        faces(count),
        numbers > 1,
        {"yaw": numbers, "crop": torch.zeros(count, 2, 3)},
    )


@pytest.mark.parametrize(
    "rows", [slice(1, 3), torch.tensor([1, 2]), torch.tensor([False, True, True, False])]
)
def test_rows_stay_together(rows):
    part = batch()[rows]
    assert len(part) == 2
    assert part.names == ("set/1", "set/2")
    expected = torch.tensor([1.0, 2.0])
    torch.testing.assert_close(part.labels["yaw"], expected)
    torch.testing.assert_close(part.landmarks["aflw21"][:, 20, 1], expected)
    torch.testing.assert_close(part.images[:, 0, 0, 0] * 10, expected)
    torch.testing.assert_close(part.truth.coefficients.identity[:, 0], expected)
    torch.testing.assert_close(part.truth.camera.scale, expected + 1)
    assert part.known.tolist() == [False, True]


def test_everything_moves_to_a_device():
    moved = batch().to("meta")
    tensors = [moved.images, moved.skin, moved.known, moved.truth.coefficients.light]
    tensors += [*moved.landmarks.values(), *moved.labels.values(), moved.truth.camera.rotation]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    bare = FaceBatch(torch.zeros(1, 3, 4, 4), ("a/b",)).to("cpu")
    assert bare.skin is None and bare.truth is None and not bare.landmarks


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"names": ("a",)}, "names"),
        ({"landmarks": {"aflw21": torch.zeros(3, 21, 2)}}, "aflw21"),
        ({"skin": torch.zeros(4, 6, 6)}, "skin"),
        ({"known": None}, "known"),
        ({"truth": faces(3)}, "truth"),
        ({"labels": {"yaw": torch.zeros(3)}}, "yaw"),
        ({"images": torch.zeros(4, 1, 6, 6)}, "images"),
    ],
)
def test_what_does_not_fit_is_named(change, named):
    with pytest.raises(InputError, match=named):
        FaceBatch(**{**vars(batch()), **change})
