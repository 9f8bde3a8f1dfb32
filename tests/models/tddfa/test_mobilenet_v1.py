"""MobileNetV1 as 3DDFA_V2 has it: sizes, and the real mb05 against what it gave elsewhere.

The second half runs the published weights through our network, layout, whitening, cameras and
evaluation; its oracle is a file of landmarks that other code computed with the same weights.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.datasets.photographs.aflw2000 import read_aflw2000
from selfie3d.evaluate.metrics.landmarks import (
    bin_means,
    box_size,
    landmark_nme,
    yaw_bins,
)
from selfie3d.evaluate.protocols.network_cost import count_macs
from selfie3d.facemodels.readers.tddfa_points import read_tddfa_points
from selfie3d.geometry.dense_points import PointBasis, PointLayout
from selfie3d.losses.parameter_distance import PIXELS_PER_MICROMETRE, AffineBasis, wpdc
from selfie3d.models.heads.layouts import LayoutSpec
from selfie3d.models.public.points import load_public
from selfie3d.models.tddfa.layout import TddfaLayout
from selfie3d.models.tddfa.mobilenet_v1 import MobileNetV1, MobileNetV1Options
from selfie3d.models.tddfa.whitening import read_whitening


@pytest.mark.parametrize(("width", "parameters", "macs"), [(0.5, 0.850, 46.5), (1.0, 3.270, 177.4)])
def test_sizes_are_3ddfas(width, parameters, macs):
    network = MobileNetV1(MobileNetV1Options(width=width)).eval()
    count = sum(p.numel() for p in network.parameters())
    assert count / 1e6 == pytest.approx(parameters, abs=1e-3)
    assert count_macs(network, network.input_shape) / 1e6 == pytest.approx(macs, abs=0.05)


def test_options_change_outputs_and_input():
    network = MobileNetV1(MobileNetV1Options(outputs=7, size=64, width=0.25)).eval()
    assert network(torch.rand(2, 3, 64, 64)).shape == (2, 7)
    with pytest.raises(InputError, match="images"):
        network(torch.rand(2, 3, 120, 120))
    with pytest.raises(InputError, match="width"):
        MobileNetV1Options(width=0.01)


@pytest.fixture(scope="module")
def public(shared_data):
    """The published network, and the layout of its outputs over 3DDFA's own landmarks."""
    folder = shared_data("models/3ddfa")
    whitening = read_whitening(folder / "param_stats.npz", prefix="v2_")
    units = whitening.std[12:52], whitening.std[52:]
    points = read_tddfa_points(folder, *units)
    spec = LayoutSpec.of(points.model, 120, points.origin.tolist())
    layout = TddfaLayout(spec, whitening.in_units(points.factors))
    return load_public("3ddfa_v2", folder / "mb05_120x120.pth"), layout, points.model


def crops(archive: Path, names):
    with tarfile.open(archive) as tar:
        for name in names:
            content = tar.extractfile(name).read()
            yield np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def predict(public, archive, names):
    """Landmarks (N,68,3) in pixels of the crops, the centre of the first at (0.5, 0.5)."""
    network, layout, model = public
    found = []
    for picture in crops(archive, names):
        image = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            outputs = network(image)
            vertices = model.vertices(layout.coefficients(outputs))
            found.append(layout.affine(outputs).project(model.landmark_points(vertices))[0])
    return torch.stack(found).double().numpy()


def in_3ddfas_frame(points, boxes):
    """As 3DDFA_V2 writes them: index coordinates of the crop times the box's size per 120 px."""
    moved = points.copy()
    scale = (boxes[:, 2:] - boxes[:, :2]) / 120
    moved[..., :2] = (points[..., :2] - 0.5) * scale[:, None] + boxes[:, None, :2]
    return moved


def compare(public, shared_data, rows):
    """Predictions and the stored ones, both (N,68,3), of every so many-th of the 1,000 crops."""
    folder = shared_data("aflw2000_gt")
    data = read_aflw2000(folder.parent)
    kept = np.flatnonzero(data.has_image)[rows]
    names = [data.names[k] for k in kept]
    points = predict(public, shared_data("aflw2000_gt/crops120.tar"), names)
    boxes = np.load(folder / "AFLW2000-3D_crop.roi_box.npy")[kept]
    stored = np.load(folder / "mb05_aflw2000_pts68.npy")[kept].transpose(0, 2, 1)
    return in_3ddfas_frame(points, boxes), stored, data, kept


def test_the_real_mb05_gives_its_landmarks(public, shared_data):
    found, stored, _, _ = compare(public, shared_data, slice(None, None, 25))
    assert np.abs(found - stored).max() < 0.05  # pixels of the photographs
    assert np.abs(found - stored).max() < 5e-3  # what is really reached


@pytest.mark.slow
def test_the_real_mb05_has_its_published_accuracy(public, shared_data):
    found, stored, data, rows = compare(public, shared_data, slice(None))
    assert len(found) == 1000
    assert np.abs(found - stored).max() < 0.05
    truth = data.points[rows].transpose(0, 2, 1)[..., :2]
    errors = landmark_nme(found[..., :2], truth, box_size(truth))
    means = bin_means(errors, yaw_bins(data.yaw_fitted[rows]))
    assert means.mean_of_bins == pytest.approx(3.793, abs=5e-4)


def test_its_nearest_cameras_see_the_same_face(public, shared_data):
    """What `decode` keeps of a matrix that is no scaled rotation: a fraction of a crop's pixel."""
    network, layout, model = public
    names = [f"image{k:05d}.jpg" for k in (2, 6, 14, 20, 22)]
    pictures = [torch.tensor(p) for p in crops(shared_data("aflw2000_gt/crops120.tar"), names)]
    with torch.inference_mode():
        outputs = network(torch.stack(pictures).permute(0, 3, 1, 2).float() / 255)
    faces = layout.decode(outputs)
    points = model.landmark_points(model.vertices(faces.coefficients))
    gap = (faces.camera.project(points) - layout.affine(outputs).project(points))[..., :2]
    assert gap.norm(dim=-1).mean() < 0.5
    assert torch.allclose(layout.decode(layout.encode(faces)).camera.scale, faces.camera.scale)


def test_wpdc_is_the_same_in_3ddfas_units_and_ours(public, shared_data):
    """Micrometres and raw coefficients, or millimetres and deviations: the layout converts."""
    _, layout, model = public
    folder = shared_data("models/3ddfa")
    raw = [torch.from_numpy(np.loadtxt(folder / f"{n}_base.txt")) for n in ("u", "w_shp", "w_exp")]
    theirs = PointBasis(raw[0].view(68, 3), *(b.T.reshape(-1, 68, 3) for b in raw[1:]))
    published = read_whitening(folder / "param_stats.npz", prefix="v2_")
    ours = layout.point_basis(PointBasis.of(model, PointLayout(model.name, ("ibug68",), (), ())))
    ours = PointBasis(ours.mean.double(), ours.identity.double(), ours.expression.double())
    bases = [
        AffineBasis(theirs, published.mean, published.std, PIXELS_PER_MICROMETRE),
        AffineBasis(ours, layout.mean, layout.std, 1000 * PIXELS_PER_MICROMETRE),
    ]
    g = torch.manual_seed(0)
    predicted, target = torch.randn(2, 4, 62, dtype=torch.float64, generator=g)
    one, other = (wpdc(predicted, target, basis) for basis in bases)
    assert torch.allclose(one, other, rtol=1e-3, atol=1e-6)
    assert float(one.amax()) > 1e-2
