"""FLAME from its pickle and .npz, with what lies beside it; hostile pickles do nothing."""

from __future__ import annotations

import os
import pickle
import sys
import types

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.facemodels.readers.inert_pickle import read_inert_pickle, read_object_npy

M = 0.001
SHAPES, EXPRESSIONS = 300, 3


def flame_arrays(tiny, seed=5):
    """The arrays of generic_model.pkl: metres, 300 + 3 modes, five joints."""
    dice = np.random.default_rng(seed)
    count = len(tiny.mean)
    shapes = np.zeros((count, 3, SHAPES))
    shapes[..., :4] = tiny.identity.transpose(1, 2, 0)
    shapes = np.concatenate([shapes, tiny.expression.transpose(1, 2, 0)], 2) * M
    regressor = np.zeros((5, count))
    regressor[0, 0] = regressor[1, 5] = regressor[2, 100] = 1
    regressor[3, tiny.points[36:42]] = regressor[4, tiny.points[42:48]] = 1 / 6
    weights = dice.uniform(0, 1, (count, 5))
    return {
        "v_template": M * tiny.mean.astype(np.float64),
        "f": tiny.faces.astype(np.uint32),
        "shapedirs": shapes,
        "posedirs": M * dice.normal(0, 1, (count, 3, 36)),
        "J_regressor": regressor,
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
    }


@pytest.fixture
def chumpy(monkeypatch):
    """Classes of chumpy's names, so that pickles name them; they are gone when it is read."""
    made = {}
    for module, name in (("chumpy.ch", "Ch"), ("chumpy.reordering", "Select")):
        made[name] = type(name, (), {"__module__": module})
        monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
        setattr(sys.modules[module], name, made[name])
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))

    def wrap(name, **state):
        thing = made[name]()
        thing.__dict__.update(state)
        return thing

    return wrap


def write_pickle(path, arrays, chumpy, protocol=2):
    whole = arrays["v_template"]
    content = arrays | {
        "shapedirs": chumpy("Ch", x=arrays["shapedirs"], _dirty_vars=None, _status="new"),
        "v_template": chumpy("Select", a=chumpy("Ch", x=whole), idxs=np.arange(whole.size),
                             preferred_shape=whole.shape),
        "J_regressor": sparse.csc_matrix(arrays["J_regressor"]),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }  # fmt: skip
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def write_embedding(folder, tiny, kind="npz"):
    """Each of the 68 points as the corner of a triangle."""
    holders = [np.argwhere(tiny.faces == v)[0] for v in tiny.points]
    triangles = np.array([row for row, _ in holders])
    weights = np.eye(3)[[corner for _, corner in holders]]
    tables = {
        "full_lmk_faces_idx": triangles[None],
        "full_lmk_bary_coords": weights[None],
        "static_lmk_faces_idx": triangles[17:],
        "static_lmk_bary_coords": weights[17:],
        "dynamic_lmk_faces_idx": np.tile(triangles[16::-1], (79, 1)),
        "dynamic_lmk_bary_coords": np.tile(weights[16::-1], (79, 1, 1)),
    }
    if kind == "npz":
        np.savez(folder / "landmark_embedding.npz", **tables)
    else:  # DECA's file has tensors for the dynamic ones
        for name in ("dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords"):
            tables[name] = torch.from_numpy(tables[name])
        np.save(folder / "landmark_embedding.npy", tables, allow_pickle=True)


def check(tiny, model):
    eyes = tiny.mean[tiny.points]
    tiny.origin = lambda: (eyes[36:42].mean(0) + eyes[42:48].mean(0)) / 2
    tiny.check(model)
    np.testing.assert_allclose(model.identity[:4], tiny.identity, atol=3e-5)
    np.testing.assert_allclose(model.expression[:EXPRESSIONS], tiny.expression, atol=3e-5)
    assert model.expression_names[-3:] == ("jaw-pitch", "jaw-yaw", "jaw-roll")
    assert {k: (len(v), int(v.valid.sum())) for k, v in model.landmarks.items()} == {
        "ibug68": (68, 68), "flame-static": (68, 51), "flame-frontal": (68, 68)}  # fmt: skip
    assert {k: v.contour for k, v in model.landmarks.items()} == {
        "ibug68": "3d", "flame-static": "3d", "flame-frontal": "2d"}  # fmt: skip
    points = {k: model.landmark_points(model.mean[None], k)[0] for k in model.landmarks}
    assert torch.allclose(points["flame-static"][17:], points["ibug68"][17:])
    assert torch.allclose(points["flame-frontal"][:17], points["ibug68"][:17].flip(0))


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_the_pickle(tmp_path, tiny, convert, chumpy, protocol, kind):
    path = write_pickle(tmp_path / "generic_model.pkl", flame_arrays(tiny), chumpy, protocol)
    write_embedding(tmp_path, tiny, kind)
    done = convert(path)
    assert done.kind == "flame" and "non-commercial" in done.model.licence
    check(tiny, done.model)


def test_the_npz_and_its_licence(tmp_path, tiny, convert):
    np.savez(tmp_path / "flame2023_Open.npz", **flame_arrays(tiny))
    write_embedding(tmp_path, tiny)
    done = convert(tmp_path / "flame2023_Open.npz", identity=4, expressions=2)
    assert done.model.sizes == (4, 5, 0) and "CC BY 4.0" in done.model.licence
    assert done.model.expression_names[1:3] == ("expression-001", "jaw-pitch")
    assert convert(tmp_path / "flame2023_Open.npz", expressions=0).model.sizes == (300, 0, 0)
    (tmp_path / "landmark_embedding.npz").unlink()
    with pytest.raises(MissingFileError, match="landmark_embedding"):
        convert(tmp_path / "flame2023_Open.npz")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_jaw_turns_as_skinning_does(tmp_path, tiny, convert, axis):
    """Central difference of linear blend skinning with pose correctives, in the jaw alone."""
    arrays = flame_arrays(tiny)
    np.savez(tmp_path / "f.npz", **arrays)
    write_embedding(tmp_path, tiny)
    mode = convert(tmp_path / "f.npz").model.expression[EXPRESSIONS + axis].double().numpy()
    joint = arrays["J_regressor"][2] @ arrays["v_template"]

    def posed(angle):
        turn = Rotation.from_rotvec(angle * np.eye(3)[axis]).as_matrix()
        feature = np.zeros((4, 3, 3))
        feature[1] = turn - np.eye(3)
        rest = arrays["v_template"] + arrays["posedirs"] @ feature.reshape(-1)
        turned = (rest - joint) @ turn.T + joint
        w = arrays["weights"][:, 2:3]
        return (1 - w) * rest + w * turned

    slope = (posed(1e-4) - posed(-1e-4)) / 2e-4
    np.testing.assert_allclose(mode, 0.1 * slope / M, atol=1e-4)


def test_albedo_texture_and_masks(tmp_path, tiny, convert):
    """A map whose red is u and whose green is v gives those at the vertices; BGR is turned."""
    np.savez(tmp_path / "f.npz", **flame_arrays(tiny))
    write_embedding(tmp_path, tiny)
    side = 64
    v, u = np.meshgrid(1 - (np.arange(side) + 0.5) / side, (np.arange(side) + 0.5) / side,
                       indexing="ij")  # fmt: skip
    colours = np.stack([0 * u + 0.5, v, u], -1)
    uv = np.random.default_rng(3).uniform(0.1, 0.9, (len(tiny.mean), 2))
    maps = {
        "FLAME_texture.npz": {"mean": 255 * colours, "tex_dir": 51 * colours[..., None]},
        "FLAME_albedo_from_BFM.npz": {"MU": colours[None], "PC": 0.2 * colours[None, ..., None]},
    }
    expected = np.stack([uv[:, 0], uv[:, 1], 0 * uv[:, 0] + 0.5], 1)
    for name, content in maps.items():
        np.savez(tmp_path / name, **content, vt=uv, ft=tiny.faces)
        masks = {"nose": np.array([3, 5]), "face": np.arange(100)}
        (tmp_path / "FLAME_masks.pkl").write_bytes(pickle.dumps(masks, 2))
        model = convert(tmp_path / "f.npz").model
        np.testing.assert_allclose(model.albedo_mean, expected, atol=1e-5)
        np.testing.assert_allclose(model.albedo_basis[0], 0.2 * expected, atol=1e-5)
        np.testing.assert_allclose(model.uv, uv, atol=1e-6)
        assert model.regions["nose"].nonzero()[:, 0].tolist() == [3, 5]
        (tmp_path / name).unlink()
    linear = {"MU": colours, "PC": colours[..., None], "specMU": colours, "specPC": colours}
    np.savez(tmp_path / "albedoModel2020_FLAME_albedoPart.npz", **linear, vt=uv, ft=tiny.faces)
    coded = convert(tmp_path / "f.npz").model.albedo_mean
    np.testing.assert_allclose(coded, 1.055 * expected ** (1 / 2.4) - 0.055, atol=1e-5)


def test_the_real_template_and_its_uv(shared_data, tmp_path, convert):
    """The real surface with made-up modes: its points, its symmetry and its texture coordinates."""
    from selfie3d.core.obj_file import read_obj

    folder = shared_data("models/flame")
    mesh = read_obj(folder / "head_template.obj")
    count = len(mesh.vertices)
    assert count == 5023 and len(mesh.faces) == 9976
    regressor = np.zeros((5, count))
    regressor[:, 0] = 1
    regressor[3:, 0], regressor[3, 3931:4477], regressor[4, 4477:5023] = 0, 1 / 546, 1 / 546
    weights = np.zeros((count, 5))
    weights[np.arange(count), np.where(np.arange(count) < 3931, 2, 3)] = 1
    arrays = {"v_template": mesh.vertices, "f": np.roll(mesh.faces, 1, 1)[::-1],
              "shapedirs": np.zeros((count, 3, 2)), "posedirs": np.zeros((count, 3, 36)),
              "J_regressor": regressor, "weights": weights}  # fmt: skip
    np.savez(tmp_path / "flame.npz", **arrays)
    with pytest.raises(InputError, match="ibug68: lmk_faces_idx"):
        bad = dict(np.load(folder / "landmark_embedding.npz"))
        bad["full_lmk_faces_idx"] = bad["full_lmk_faces_idx"] + 9000
        np.savez(tmp_path / "landmark_embedding.npz", **bad)
        convert(tmp_path / "flame.npz")
    (tmp_path / "landmark_embedding.npz").unlink()
    arrays["f"] = mesh.faces
    np.savez(tmp_path / "flame.npz", **arrays)
    model = convert(tmp_path / "flame.npz", indices=folder).model
    points = model.landmark_points(model.mean[None])[0]
    assert 80 < float(points[45, 0] - points[36, 0]) < 100
    assert float(points[30, 2]) > float(points[36, 2]) and float(points[8, 1]) < -80
    assert float(points[36:48, 2].min()) > 0  # the lids lie before the eyeballs' middle
    assert torch.equal(model.uv_faces, torch.from_numpy(mesh.uv_faces)) and len(model.uv) > count
    assert model.mirror is not None
    assert int(model.regions["eyeballs"].sum()) == 1092 and not model.regions["skin"][4000]
    arrays["f"] = np.roll(mesh.faces, 1, 1)
    np.savez(tmp_path / "flame.npz", **arrays)
    turned = convert(tmp_path / "flame.npz", indices=folder).model
    assert torch.equal(turned.uv_faces, model.uv_faces.roll(1, 1))


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_act_is_refused(tmp_path, tiny, convert, chumpy):
    """In every place it may hide: nothing is made, and the message says what was named."""
    done = tmp_path / "it-ran"
    arrays = flame_arrays(tiny)
    hidden = [
        arrays | {"harm": Harmful(done)},
        arrays | {"shapedirs": chumpy("Ch", x=Harmful(done))},
        arrays | {"shapedirs": chumpy("Ch", x=arrays["shapedirs"], aside=Harmful(done))},
        Harmful(done),
        [Harmful(done)],
    ]
    for protocol in (0, 2, 5):
        for content in hidden:
            (tmp_path / "f.pkl").write_bytes(pickle.dumps(content, protocol))
            with pytest.raises(InputError, match="mkdir"):
                convert(tmp_path / "f.pkl", kind="flame")
            with pytest.raises(InputError, match="mkdir"):
                convert(tmp_path / "f.pkl")
            assert not done.exists()
    pickle.loads(pickle.dumps(Harmful(done)))  # the test would see it
    assert done.exists()
    done.rmdir()
    np.save(tmp_path / "landmark_embedding.npy", {"a": Harmful(done)}, allow_pickle=True)
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(InputError, match="mkdir"):
        convert(tmp_path / "f.npz")
    np.savez(tmp_path / "f.npz", v_template=np.array([Harmful(done)], object), allow_pickle=True)
    with pytest.raises(InputError, match=r"f\.npz"):
        convert(tmp_path / "f.npz", kind="flame")
    assert not done.exists()


def test_known_names_may_not_be_misused(tmp_path, convert):
    """The names that are answered build nothing but what they stand for."""
    for program in (
        b"cchumpy.ch\nCh\n.",  # the class itself
        b"ccopy_reg\n_reconstructor\n(c__builtin__\nobject\nc__builtin__\nobject\nNtR.",
        b"ccopy_reg\n_reconstructor\n(cos\nsystem\nc__builtin__\nobject\nNtR.",
        b"cscipy.sparse.linalg\nfunny\n.",
        b"cchumpy.ch\nos.system\n.",
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"\x80\x02" + b"(" * 100,
    ):
        path = tmp_path / "x.pkl"
        path.write_bytes(b"\x80\x02" + program)
        with pytest.raises(InputError, match=r"x\.pkl"):
            convert(path, kind="flame")


def test_tensors_come_through_and_views_do_not(tmp_path):
    path, whole = tmp_path / "t.npy", torch.arange(12.0).reshape(4, 3)
    kept = {"a": whole, "b": whole.long(), "c": whole.double()[0].clone(), "d": torch.zeros(0, 3)}
    np.save(path, kept, allow_pickle=True)
    for name, array in read_object_npy(path).items():
        assert array.shape == kept[name].shape and np.array_equal(array, kept[name].numpy())
    for view in (whole.T, whole[1:], whole[:, 1]):
        np.save(path, {"a": view}, allow_pickle=True)
        with pytest.raises(InputError, match="torch tensor"):
            read_object_npy(path)
    done = tmp_path / "it-ran"
    storage = pickle.dumps(Harmful(done), 2) * 5  # where a tensor's bytes would be
    path.write_bytes(pickle.dumps({"a": Bytes(storage)}, 2))
    with pytest.raises(InputError, match="mkdir"):
        read_inert_pickle(path)
    assert not done.exists()


class Bytes:
    """Pickled as a tensor over the given file content."""

    def __init__(self, content, inner=False):
        self.content, self.inner = content, inner

    def __reduce__(self):
        if self.inner:
            return torch.storage._load_from_bytes, (self.content,)
        storage = Bytes(self.content, inner=True)
        return torch._utils._rebuild_tensor_v2, (storage, 0, (1,), (1,), False, {})


def test_damaged_files_are_named(tmp_path, tiny, convert, chumpy):
    write_embedding(tmp_path, tiny)
    arrays = flame_arrays(tiny)
    whole = write_pickle(tmp_path / "m.pkl", arrays, chumpy).read_bytes()
    for length in (3, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.pkl").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.pkl"):
            convert(tmp_path / "cut.pkl")
    count = len(tiny.mean)
    for change, named in (
        ({"posedirs": np.zeros((count, 3, 9))}, "posedirs"),
        ({"shapedirs": np.zeros((9, 3, 9))}, "shapedirs"),
        ({"J_regressor": np.zeros((4, count))}, "J_regressor"),
        ({"f": np.full((3, 3), 10**6)}, "f"),
        ({"v_template": np.full((count, 3), np.inf)}, "v_template"),
    ):
        np.savez(tmp_path / "m.npz", **arrays | change)
        with pytest.raises(InputError, match=named):
            convert(tmp_path / "m.npz")
