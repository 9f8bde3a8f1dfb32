"""One test per line of geometry/conventions.md, and the line's own example."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import loadmat
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError
from selfie3d.geometry import align, landmarks, mesh, rotation, sh, uv
from selfie3d.geometry.camera import AffineCamera, PerspectiveCamera, WeakPerspectiveCamera
from selfie3d.geometry.crop import Crop
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.model_parts import ModelBases, ModelFacts, ModelMesh

PAGE = (Path(__file__).parents[2] / "geometry" / "conventions.md").read_text(encoding="utf-8")
LINES = dict(re.findall(r"^- \*\*\[(C\d+)\].* Example: `(.+)`$", PAGE, re.M))
NOSE = torch.tensor([[[0.0, 0.0, 50.0]]])
CLOUD = 60 * torch.randn(1, 50, 3, generator=torch.manual_seed(0))


def matrix(pitch=0.0, yaw=0.0, roll=0.0):
    """R from the elementary matrices as 300W-LP prints them, degrees."""
    (cp, sp), (cy, sy), (cr, sr) = (
        (np.cos(np.radians(a)), np.sin(np.radians(a))) for a in (pitch, yaw, roll)
    )
    Rx = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    Ry = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    Rz = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return torch.from_numpy(Rx @ Ry @ Rz).float()[None]


def weak(R=None):
    R = matrix() if R is None else R
    return WeakPerspectiveCamera(R, torch.tensor([2.0]), torch.tensor([[100.0, 60.0]]))


def perspective(R=None):
    R = matrix() if R is None else R
    shift = torch.tensor([[5.0, -3.0, -500.0]])
    return PerspectiveCamera(R, shift, torch.tensor([1000.0]), torch.tensor([[100.0, 60.0]]))


def affine(R=None):
    R = matrix() if R is None else R
    shift = torch.tensor([[[30.0], [40.0], [7.0]]])
    return AffineCamera(torch.cat((0.5 * R, shift), -1), 120)


def test_every_line_has_an_example_and_a_test():
    tests = {f"C{n}" for n in re.findall(r"^def test_c(\d+)_", Path(__file__).read_text(), re.M)}
    assert set(LINES) == tests == set(re.findall(r"\[(C\d+)\]", PAGE))
    assert list(LINES) == [f"C{n}" for n in range(1, len(LINES) + 1)]


@pytest.mark.parametrize("line", LINES)
def test_example(line):
    names: dict[str, object] = {}
    exec(re.search(r"```python\n(.+?)```", PAGE, re.S).group(1), names)
    assert eval(LINES[line], names)


def test_c1_images():
    image = torch.zeros(2, 3, 6, 8)
    image[:, 0, 0] = 1.0
    cut, inside = Crop(torch.eye(2, 3, dtype=torch.float64), (6, 8)).warp(image)
    assert cut.shape == (2, 3, 6, 8) and cut.dtype == torch.float32
    assert torch.allclose(cut, image, atol=1e-5) and torch.allclose(inside, torch.ones(2, 1, 6, 8))


def test_c2_pixel_centres():
    """Cropping by whole pixels takes whole pixels, and a dot stays where its coordinates say."""
    image = torch.rand(1, 3, 10, 12, generator=torch.manual_seed(0))
    shift = torch.tensor([[1.0, 0, -3], [0, 1, -2]], dtype=torch.float64)
    assert torch.allclose(Crop(shift, (4, 5)).warp(image)[0], image[:, :, 2:6, 3:8], atol=1e-5)
    dot = torch.zeros(1, 1, 10, 12)
    dot[0, 0, 6, 4] = 1.0
    crop = Crop.from_square((5.0, 6.0), 6.0, 60)
    y, x = np.unravel_index(int(crop.warp(dot)[0].argmax()), (60, 60))
    expected = crop.to_crop(torch.tensor([4.5, 6.5])).numpy()
    assert np.abs(expected - [x + 0.5, y + 0.5]).max() <= 1.0


def test_c3_crop_round_trip():
    crop = Crop.from_square((512.3, 300.7), 251.0, 224, roll=0.4)
    photo = 500 * torch.rand(20, 2, dtype=torch.float64, generator=torch.manual_seed(0))
    assert (crop.to_photo(crop.to_crop(photo)) - photo).abs().max() < 1e-9
    middle = torch.tensor([512.3, 300.7], dtype=torch.float64)
    assert torch.allclose(crop.to_crop(middle), torch.tensor([112.0, 112.0]).double())
    # A face that rolls clockwise by 0.4 stands upright: its forehead is above the middle.
    forehead = middle + 50 * torch.tensor([np.sin(0.4), -np.cos(0.4)])
    there = crop.to_crop(forehead)
    assert float(there[0]) == pytest.approx(112, abs=1e-4) and there[1] < 112


def test_c4_moved_cameras():
    crop = Crop.from_square((90.0, 70.0), 130.0, 224, roll=0.35)
    for camera in (weak(matrix(10, 20, 30)), affine(matrix(10, 20, 30))):
        pixels = crop.to_crop(camera.project(CLOUD)[..., :2])
        assert (camera.moved(crop.matrix).project(CLOUD)[..., :2] - pixels).abs().max() < 1e-2
    camera = perspective(matrix(10, 20, 30))
    moved = camera.moved(crop.matrix).project(CLOUD)[..., :2]
    assert (moved - crop.to_crop(camera.project(CLOUD)[..., :2])).abs().max() < 1e-2


def test_c5_model_axes():
    for camera in (weak(), perspective(), affine()):
        origin, left, up, out = camera.project(
            torch.cat((torch.zeros(1, 3), 50 * torch.eye(3)))[None]
        )[0]
        assert left[0] > origin[0] and up[1] < origin[1] and out[2] > origin[2]
        assert abs(float(left[1] - origin[1])) < 1e-4 and abs(float(up[0] - origin[0])) < 1e-4


@pytest.mark.parametrize(
    ("unit", "mm"), [("mm", 1), ("cm", 10), ("dm", 100), ("m", 1000), ("um", 1e-3)]
)
def test_c6_origin_and_unit(unit, mm):
    mean = np.array([[1.0, 2, 3], [2, 2, 3], [1, 3, 3]])
    model = FaceModel.from_arrays(
        ModelFacts("m"),
        ModelMesh(mean / mm, [[0, 1, 2]], unit=unit, origin=np.array([1, 2, 2]) / mm),
    )
    assert np.allclose(model.mean.numpy(), mean - [1, 2, 2], atol=1e-5)


def test_c7_outward_normals():
    corners = torch.eye(3)[None]
    faces = torch.tensor([[0, 1, 2]])
    outward = torch.full((1, 1, 3), 3**-0.5)
    assert torch.allclose(mesh.face_normals(corners, faces), outward)
    assert torch.allclose(mesh.face_normals(corners, faces.flip(1)), -outward)


def test_c8_column_vectors():
    R = matrix(10, 20, 30)
    expected = np.stack([R[0].numpy() @ x for x in CLOUD[0].numpy()])
    assert np.allclose(weak(R).to_camera(CLOUD)[0].numpy(), expected, atol=1e-4)


def test_c9_euler_matrices():
    angles = torch.tensor([[10.0, 20, 30], [-40, 60, -5]])
    R = rotation.euler_to_matrix(torch.deg2rad(angles))
    assert torch.allclose(R, torch.cat([matrix(*a) for a in angles.tolist()]), atol=1e-6)
    assert R[0, 0, 2] == pytest.approx(-np.sin(np.radians(20)), abs=1e-6)


def test_c10_positive_yaw():
    for camera in (weak, perspective, affine):
        turned, straight = camera(matrix(yaw=25)).project(NOSE), camera().project(NOSE)
        assert turned[0, 0, 0] < straight[0, 0, 0] - 5


def test_c11_positive_pitch():
    for camera in (weak, perspective, affine):
        turned, straight = camera(matrix(pitch=25)).project(NOSE), camera().project(NOSE)
        assert turned[0, 0, 1] < straight[0, 0, 1] - 5


def test_c12_positive_roll():
    forehead, ear = torch.tensor([[[0.0, 80, 0]]]), torch.tensor([[[80.0, 0, 0]]])
    for camera in (weak, perspective, affine):
        rolled, straight = camera(matrix(roll=25)), camera()
        assert rolled.project(forehead)[0, 0, 0] > straight.project(forehead)[0, 0, 0] + 5
        assert rolled.project(ear)[0, 0, 1] > straight.project(ear)[0, 0, 1] + 5


def test_c13_other_orders():
    a = np.array([0.3, -0.5, 0.8])
    for order, name in (("xyz-intrinsic", "XYZ"), ("zyx-intrinsic", "ZYX"), ("deep3d", "xyz")):
        own = rotation.euler_to_matrix(torch.from_numpy(a), order).numpy()
        assert np.allclose(own, Rotation.from_euler(name, a).as_matrix())


def test_c14_quaternion_order():
    r = np.array([0.3, -0.5, 0.8])
    R = Rotation.from_rotvec(r)
    own = rotation.matrix_to_quaternion(torch.from_numpy(R.as_matrix())).numpy()
    assert np.allclose(own, R.as_quat()[[3, 0, 1, 2]]) and own[0] > 0


def test_c15_sixd_order():
    R = matrix(10, 20, 30)
    expected = torch.cat((R[:, :, 0], R[:, :, 1]), -1)
    assert torch.equal(rotation.matrix_to_sixd(R), expected)
    assert torch.allclose(rotation.sixd_to_matrix(expected), R, atol=1e-6)


def test_c16_similarity():
    R, t = matrix(10, 20, 30), torch.tensor([[3.0, 4, 5]])
    target = torch.stack([1.7 * R[0] @ x + t[0] for x in CLOUD[0]])[None]
    found = align.similarity_align(CLOUD, target)
    assert torch.allclose(found.scale, torch.tensor([1.7]), atol=1e-4)
    assert torch.allclose(found.rotation, R, atol=1e-5)
    assert torch.allclose(found.translation, t, atol=1e-3)


def test_c17_camera_space():
    xyz = perspective(matrix(yaw=90)).to_camera(NOSE)[0, 0]
    assert torch.allclose(xyz, torch.tensor([5.0 - 50, -3, -500]), atol=1e-3)


def test_c18_perspective():
    R = matrix(10, 20, 30)
    own = perspective(R).project(CLOUD)[0].numpy()
    X, Y, Z = (R[0].numpy() @ CLOUD[0].numpy().T) + np.array([[5.0], [-3], [-500]])
    assert np.allclose(own[:, 0], 100 + 1000 * X / -Z, atol=1e-2)
    assert np.allclose(own[:, 1], 60 - 1000 * Y / -Z, atol=1e-2)


def test_c19_weak_perspective():
    R = matrix(10, 20, 30)
    own = weak(R).project(CLOUD)[0].numpy()
    X, Y, _ = R[0].numpy() @ CLOUD[0].numpy().T
    assert np.allclose(own[:, 0], 2 * X + 100, atol=1e-3)
    assert np.allclose(own[:, 1], -2 * Y + 60, atol=1e-3)


@pytest.mark.parametrize("height", [120, 450])
def test_c20_affine_of_3ddfa(height):
    """As 3DDFA's own code: p @ x + offset, then y = height + 1 - y, 1-based."""
    p = np.random.default_rng(0).normal(size=(3, 4))
    own = AffineCamera(torch.from_numpy(p).float()[None], height).project(CLOUD)[0].numpy()
    vertex = p[:, :3] @ CLOUD[0].numpy().T + p[:, 3:]
    vertex[1] = height + 1 - vertex[1]
    one_based_to_ours = np.array([[-0.5], [-0.5], [0]])
    assert np.allclose(own.T, vertex + one_based_to_ours, atol=1e-3)


def test_c21_depth():
    for camera in (weak(), perspective(), affine()):
        near, far = camera.project(torch.tensor([[[0.0, 0, 40], [0, 0, -40]]]))[0, :, 2]
        assert near > far
    step = weak().project(torch.tensor([[[30.0, 0, 0], [0, 0, 30]]]))[0]
    assert step[0, 0] - 100 == step[1, 2]  # the same mm are the same pixels in every direction


def test_c22_clip_space():
    height, width = 120, 400
    for camera in (weak(matrix(5, 20, 3)), perspective(matrix(5, 20, 3)), affine(matrix(5, 20, 3))):
        clip = camera.to_clip(CLOUD, (height, width))[0]
        pixels = camera.project(CLOUD)[0]
        ndc = clip[:, :3] / clip[:, 3:]
        assert torch.allclose(ndc[:, 0], 2 * pixels[:, 0] / width - 1, atol=1e-4)
        assert torch.allclose(ndc[:, 1], 1 - 2 * pixels[:, 1] / height, atol=1e-4)
        assert (clip[:, 3] > 0).all() and (ndc[:, 2].abs() < 1).all()
        order = camera.to_camera(CLOUD)[0, :, 2].argsort()  # far to near
        assert (ndc[order, 2].diff() <= 1e-6).all()


def test_c23_texel_centres():
    centres = uv.texel_centres(3, 5)
    for r in range(3):
        for c in range(5):
            assert centres[r, c].tolist() == pytest.approx([(c + 0.5) / 5, 1 - (r + 0.5) / 3])


def test_c24_map_rows():
    corners = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    uv_map, mask = uv.position_map(corners[None].float(), corners, faces, faces=faces, size=(6, 4))
    assert mask.all()
    assert torch.allclose(uv_map[0].permute(1, 2, 0), uv.texel_centres(6, 4).float(), atol=1e-6)
    assert uv_map[0, 1, 0, 0] > uv_map[0, 1, -1, 0]


def test_c25_light_basis():
    n = torch.nn.functional.normalize(CLOUD, dim=-1)
    x, y, z = n.unbind(-1)
    constants = [0.282095, *[0.488603] * 3, 1.092548, 1.092548, 0.315392, 1.092548, 0.546274]
    terms = [torch.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]
    expected = torch.stack([k * t for k, t in zip(constants, terms, strict=True)], -1)
    assert torch.allclose(sh.sh_basis(n), expected, atol=1e-5)


def test_c26_flat_light():
    vector = torch.randn(2, 27, generator=torch.manual_seed(0))
    light = sh.from_flat27(vector)
    assert light.shape == (2, 9, 3)
    for colour in range(3):
        assert torch.equal(light[:, :, colour], vector[:, 9 * colour : 9 * colour + 9])


def test_c27_light_on_coded_albedo():
    """Half the light halves the sRGB code itself, not the radiance behind it."""
    n = torch.nn.functional.normalize(CLOUD, dim=-1)
    albedo = torch.rand(1, 50, 3, generator=torch.manual_seed(0))
    image = albedo * sh.shade(n, sh.ambient_light(1, 0.5))
    assert torch.allclose(image, albedo / 2, atol=1e-6)


def test_c28_coefficients():
    mode = np.arange(9.0).reshape(1, 3, 3)
    model = FaceModel.from_arrays(
        ModelFacts("m"),
        ModelMesh(np.eye(3), [[0, 1, 2]], unit="cm", origin=(0, 0, 0)),
        ModelBases(identity=mode, expression=2 * mode),
    )
    assert (model.identity_kind, model.expression_kind) == ("gaussian", "blendshape")
    zero = model.zero_coefficients()
    one = type(zero)(zero.identity + 1, zero.expression, zero.albedo, zero.light)
    moved = model.vertices(one) - model.vertices(zero)
    assert np.allclose(moved[0].numpy(), 10 * mode[0], atol=1e-5)
    shading = sh.shade(torch.nn.functional.normalize(CLOUD, dim=-1), zero.light)
    assert torch.allclose(shading, torch.tensor(1.0), atol=1e-6)


def test_c29_landmark_contours():
    corners = torch.eye(3)[None]
    middle = landmarks.LandmarkSet(
        "m",
        torch.tensor([[0, 1, 2]]),
        torch.full((1, 3), 1 / 3),
        torch.tensor([[0.0, 0, 1]]),
        torch.tensor([True]),
        "2d",
    )
    assert torch.allclose(middle.points(corners), torch.tensor([[[1 / 3, 1 / 3, 4 / 3]]]))
    landmarks.require_same_contour("2d", "2d")
    with pytest.raises(InputError, match="contour"):
        landmarks.require_same_contour("3d", "2d")


def test_c30_mirror():
    """An involution that keeps the midline: chin, nose bridge, lips' middles."""
    pairs = np.array(landmarks.IBUG68_MIRROR)
    assert np.array_equal(pairs[pairs], np.arange(68))
    fixed = np.flatnonzero(pairs == np.arange(68)).tolist()
    assert fixed == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


def test_the_real_300w_lp_poses(shared_data):
    """AFLW2000-3D's own parameters through our Euler angles and 3DDFA's camera hit its points."""
    names = ("u_base", "w_shp_base", "w_exp_base")
    mean, shapes, expressions = (
        np.loadtxt(shared_data("models", "3ddfa", f"{name}.txt")) for name in names
    )
    errors = []
    for path in sorted(shared_data("aflw2000").glob("*.mat"))[:20]:
        record = loadmat(path)
        pose = record["Pose_Para"][0].astype(np.float64)
        shape = shapes @ record["Shape_Para"][:40, 0] + expressions @ record["Exp_Para"][:10, 0]
        v = (mean.reshape(-1) + shape).reshape(-1, 3)
        R = rotation.euler_to_matrix(torch.from_numpy(pose[:3])).numpy()
        M = np.concatenate((pose[6] * R, pose[3:6, None]), 1)
        own = AffineCamera(torch.from_numpy(M)[None], 450).project(torch.from_numpy(v)[None])[0]
        truth = record["pt3d_68"][:2].T - 0.5
        box = np.prod(np.ptp(truth, axis=0)) ** 0.5
        errors.append(np.linalg.norm(own[:, :2].numpy() - truth, axis=1).mean() / box)
    assert np.mean(errors) < 0.015
