"""One small, right file of every kind that is read from others, and its reader; for fuzz.py."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.io import savemat
from selfie3d.core.array_pickle import read_pickled_arrays
from selfie3d.core.image_file import read_image
from selfie3d.core.mat_file import MatArrays
from selfie3d.core.npy_file import read_npy
from selfie3d.core.npz_file import NpzArrays
from selfie3d.core.seal import CHECKSUM
from selfie3d.core.text_files import read_text_numbers
from selfie3d.datasets.photographs.now import read_now_box
from selfie3d.datasets.photographs.record import read_side_files
from selfie3d.datasets.shards.tar import TarShards
from selfie3d.detect.drawn_network import FaceFinder, FinderOptions, load_finder, pack_finder
from selfie3d.evaluate.predict.predictions import read_predictions
from selfie3d.evaluate.protocols.depth_files import read_depth_map
from selfie3d.evaluate.scans.mesh_file import read_mesh
from selfie3d.evaluate.scans.scan import load_scan
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.convert import recognise
from selfie3d.facemodels.layout import FAMILIES
from selfie3d.facemodels.readers.inert_pickle import read_inert_pickle, read_object_npy
from selfie3d.facemodels.readers.source import Source
from selfie3d.facemodels.readers.tddfa_points import read_tddfa_points
from selfie3d.models.tddfa.whitening import read_whitening
from selfie3d.models.torch_file import load_torch
from selfie3d.models.weights import load_weights, pack_weights

RANDOM = np.random.default_rng(0)
SIDE = 9


@dataclass(frozen=True)
class Kind:
    """Attributes: name of the file that is damaged, files beside it, and what reads it."""

    name: str
    content: bytes
    read: Callable[[Path], object]
    beside: tuple[tuple[str, bytes], ...] = ()


def convert(path: Path) -> object:
    source = Source(path)
    return FAMILIES.create(recognise(source)).read(source)


def convert_shape(path: Path) -> object:
    return convert(path.parent / "Model_Shape.mat")


def load_scan_beside(path: Path) -> object:
    return load_scan(path.parent / "s.obj")


def read_archive(path: Path) -> object:
    return everything(NpzArrays(path))


def everything(arrays: object) -> list[object]:
    return [arrays[name] for name in arrays]  # type: ignore[index,attr-defined]


def read_tar(path: Path) -> object:
    shards = TarShards(path)
    for file in path.parent.glob(".*.index"):
        file.unlink()
    return [shards[row] for row in range(min(len(shards), 4))]


def read_record(path: Path) -> object:
    return read_side_files(path.with_suffix(""))


def picture(kind: str, mode: str = "RGB", **options: object) -> bytes:
    values = RANDOM.integers(0, 256, (24, 20, len(mode)), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values.squeeze()).save(buffer, kind, **options)
    return buffer.getvalue()


def face() -> dict[str, np.ndarray]:
    """A bulge of 81 vertices with eyes: what every kind of face model is written from."""
    y, x = np.meshgrid(np.linspace(60, -60, SIDE), np.linspace(-50, 50, SIDE), indexing="ij")
    mean = np.stack([x, y, 70 - (x**2 + y**2) / 80], -1).reshape(-1, 3)
    corner = (np.arange(SIDE - 1)[:, None] * SIDE + np.arange(SIDE - 1)).reshape(-1)
    upper = np.stack([corner, corner + SIDE, corner + 1], 1)
    lower = np.stack([corner + 1, corner + SIDE, corner + SIDE + 1], 1)
    points = np.repeat(np.arange(4, 81, 9), 9)[:68]
    points[36:42], points[42:48], points[48:], points[30] = 20, 24, 67, 40
    return {
        "mean": mean, "faces": np.concatenate([upper, lower]), "points": points,
        "identity": RANDOM.normal(0, 1, (2, 81, 3)), "expression": RANDOM.normal(0, 1, (3, 81, 3)),
        "albedo": RANDOM.uniform(0.2, 0.9, (81, 3)),
    }  # fmt: skip


FACE = face()


def packed(save: Callable[..., None] = np.savez, **arrays: object) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def single(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def model_npz(save: Callable[..., None] = np.savez) -> bytes:
    return packed(
        save, mean=FACE["mean"].astype("f4"), faces=FACE["faces"], identity=FACE["identity"],
        expression=FACE["expression"], expression_names=np.array(["a", "b", "c"]),
        albedo_mean=FACE["albedo"], landmarks_ibug68_vertices=FACE["points"], unit=np.array("mm"),
        uv=FACE["mean"][:, :2] / 200 + 0.5, region_skin=np.ones(81, bool), name=np.array("tiny"),
    )  # fmt: skip


def mats() -> tuple[bytes, bytes, bytes]:
    """Model_Shape.mat, plain and deflated, and Model_Exp.mat."""
    columns = {"w": FACE["identity"].reshape(2, -1).T, "sigma": np.ones((2, 1))}
    more = {"w_exp": FACE["expression"].reshape(3, -1).T, "sigma_exp": np.ones((3, 1))}
    shape = {
        "mu_shape": 1000 * FACE["mean"].reshape(-1, 1), "keypoints": FACE["points"][None] + 1,
        "tri": (FACE["faces"].T + 1).astype(np.uint16), **columns,
    }  # fmt: skip
    written = []
    more["mu_exp"] = np.zeros((243, 1))
    for content, deflated in ((shape, False), (shape, True), (more, False)):
        buffer = io.BytesIO()
        savemat(buffer, content, do_compression=deflated)
        written.append(buffer.getvalue())
    return written[0], written[1], written[2]


def flame() -> tuple[bytes, bytes]:
    """A pickle of the model, and the landmark embedding beside it."""
    shapes = np.concatenate([np.zeros((298, 81, 3)), FACE["identity"], FACE["expression"]])
    content = {
        "v_template": FACE["mean"] / 1000, "f": FACE["faces"].astype(np.uint32),
        "shapedirs": shapes.transpose(1, 2, 0), "posedirs": np.zeros((81, 3, 36)),
        "J_regressor": np.eye(5, 81), "weights": np.full((81, 5), 0.2), "bs_style": "lbs",
    }  # fmt: skip
    table = {
        "full_lmk_faces_idx": np.zeros((1, 68), np.int64),
        "full_lmk_bary_coords": np.full((1, 68, 3), 1 / 3),
    }
    return pickle.dumps(content, 2), single(table)


def eos() -> bytes:
    def matrix(values: np.ndarray) -> bytes:
        return struct.pack("<ii", *values.shape) + values.astype("<f4").T.tobytes()

    def rows(values: np.ndarray, kind: str) -> bytes:
        return struct.pack("<Q", len(values)) + values.astype(kind).tobytes()

    mean, columns = FACE["mean"].reshape(-1, 1), FACE["identity"].reshape(2, -1).T
    shape = matrix(mean) + matrix(columns) + matrix(np.ones((2, 1))) + rows(FACE["faces"], "<i4")
    nothing = 3 * struct.pack("<ii", 0, 0) + struct.pack("<Q", 0)
    named = b"".join(
        struct.pack("<Q", 2) + b"%02d" % (k + 1) + struct.pack("<i", v)
        for k, v in enumerate(FACE["points"])
    )
    points = b"\0" + struct.pack("<Q", 68) + named
    ends = rows(np.zeros((0, 2)), "<f8") + rows(np.zeros((0, 3)), "<i4")
    return struct.pack("<I", 4) + shape + nothing + b"\1" + points + ends


def obj() -> bytes:
    points = [f"v {x:.3f} {y:.3f} {z:.3f}" for x, y, z in FACE["mean"]]
    place = [f"vt {x:.3f} {y:.3f}" for x, y in FACE["mean"][:, :2] / 200 + 0.5]
    faces = [f"f {a + 1}/{a + 1} {b + 1}/{b + 1} {c + 1}/{c + 1}" for a, b, c in FACE["faces"]]
    return "\n".join(["mtllib a.mtl", *points, *place, *faces]).encode()


def ply() -> bytes:
    import trimesh

    return trimesh.Trimesh(FACE["mean"], FACE["faces"], process=False).export(file_type="ply")


def hdf5() -> bytes:
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for group, mean in (("shape", FACE["mean"]), ("color", FACE["albedo"])):
            file[f"{group}/model/mean"] = mean.reshape(-1).astype("f4")
            columns = FACE["identity"].reshape(2, -1).T.astype("f4")
            file.create_dataset(f"{group}/model/pcaBasis", data=columns, compression="gzip")
            file[f"{group}/model/pcaVariance"] = np.ones(2, "f4")
        file["shape/representer/cells"] = FACE["faces"].T.astype(np.uint32)
        names = ["right.eye.corner_outer", "right.eye.corner_inner"]
        names += [name.replace("right", "left") for name in names]
        listed = [{"id": n, "coordinates": [k, 20, 60]} for k, n in enumerate(names)]
        file["metadata/landmarks/json"] = np.bytes_(json.dumps(listed))
    return buffer.getvalue()


def tar() -> bytes:
    buffer = io.BytesIO()
    record = {"box": [2, 2, 18, 20], "landmarks": {}, "labels": {"a": [1.0]}}
    files = {"a.jpg": picture("JPEG"), "a.json": json.dumps(record).encode()}
    files |= {
        "b.png": picture("PNG"),
        "b.skin.png": picture("PNG", "L"),
        "n" * 120 + ".jpg": picture("JPEG"),
    }
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def weights() -> bytes:
    from selfie3d.geometry.dense_points import PointLayout
    from selfie3d.models.registry import NETWORKS

    options = {"points": 68, "width": 8, "size": 32, "coefficients": 4, "reduced": 8}
    network = NETWORKS.create("dense-points", **options)
    return pack_weights(
        network, "dense-points", options, layout=PointLayout("x", ("ibug68",), (), ()), facts={}
    )


def unsealed(content: bytes) -> bytes:
    """Weights as from before there were checksums, which notice everything."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    del header["__metadata__"][CHECKSUM]
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def finder() -> bytes:
    options = FinderOptions(stem=4, widths=(4, 4, 4), blocks=(1, 1), neck=4)
    return pack_finder(FaceFinder(options), options, {})


def state(archive: bool) -> bytes:
    buffer = io.BytesIO()
    content = {"a": torch.ones(3, 4), "b": torch.zeros(5).half()}
    torch.save(content, buffer, _use_new_zipfile_serialization=archive)
    return buffer.getvalue()


RECORD = {
    "five_points": [[5, 5], [10, 5], [7, 8], [5, 12], [10, 12]], "box": [1, 2, 15, 20],
    "landmarks": {"aflw21": [None, *[[k, k] for k in range(20)]]}, "labels": {"yaw": [0.5]},
}  # fmt: skip
BOX = {"left": 1.0, "top": 2.0, "right": 30.0, "bottom": 40.0}
LANDMARKS = {
    "mm_per_unit": 1.0,
    "ibug68": {"36": [-30, 30, 50], "45": [30, 30, 50], "30": [0, 0, 70]},
}


@cache
def kinds() -> tuple[Kind, ...]:
    """Every kind; those whose optional package is absent are left out."""
    warnings.simplefilter("ignore")
    shape, deflated, expressions = mats()
    generic, embedding = flame()
    model = {
        "u": FACE["mean"].reshape(-1, 1)[:204], "w_shp": np.ones((204, 2)),
        "w_exp": np.ones((204, 1)), "keypoints": np.arange(204),
    }  # fmt: skip
    marks, material = json.dumps(LANDMARKS).encode(), b"newmtl a\nKd 1 1 1\nmap_Kd -s 1 1 1 s.png\n"
    pictures = (
        ("jpg", "JPEG", {}), ("jpeg", "JPEG", {"progressive": True}), ("png", "PNG", {}),
        ("bmp", "BMP", {}), ("ppm", "PPM", {}), ("webp", "WEBP", {}), ("gif", "GIF", {}),
        ("tif", "TIFF", {"compression": "tiff_lzw"}), ("tiff", "TIFF", {}),
        ("jp2", "JPEG2000", {}), ("avif", "AVIF", {}),
    )  # fmt: skip
    return (
        *(Kind(f"a.{s}", picture(f, **o), read_image) for s, f, o in pictures),
        Kind("m.npz", model_npz(), load_face_model),
        Kind("c.npz", model_npz(np.savez_compressed), load_face_model),
        Kind("g.npz", model_npz(), convert),
        Kind("a.npz", packed(a=np.ones((2, 3)), t=np.array("x")), read_archive),
        Kind("a.npy", single(np.ones((2, 3))), read_npy),
        Kind("Model_Shape.mat", shape, convert, (("Model_Exp.mat", expressions),)),
        Kind("Model_Exp.mat", expressions, convert_shape, (("Model_Shape.mat", shape),)),
        Kind("a.mat", deflated, lambda path: everything(MatArrays(path))),
        Kind("flame.pkl", generic, convert, (("landmark_embedding.npy", embedding),)),
        Kind("landmark_embedding.npy", embedding, read_object_npy),
        Kind("a.pkl", pickle.dumps({"a": np.ones(3), "b": [1, 2.5]}, 4), read_pickled_arrays),
        Kind("o.pkl", pickle.dumps({"a": np.ones(3), "b": 7}, 0), read_inert_pickle),
        Kind("points.pkl", pickle.dumps(model, 2), read_tddfa_points),
        Kind("model.bin", eos(), convert),
        Kind("a.obj", obj(), read_mesh),
        Kind("s.obj", obj(), load_scan, (("s.landmarks.json", marks), ("s.mtl", b"map_Kd a.png"))),
        Kind("s.landmarks.json", marks, load_scan_beside, (("s.obj", obj()),)),
        Kind("s.mtl", material, load_scan_beside,
             (("s.obj", obj()), ("s.landmarks.json", marks), ("s.png", picture("PNG")))),
        Kind("a.ply", ply(), read_mesh),
        Kind("mesh.npz", packed(vertices=FACE["mean"], faces=FACE["faces"]), read_mesh),
        Kind("model2019_bfm.h5", hdf5(), convert),
        Kind("a.tar", tar(), read_tar),
        Kind("a.json", json.dumps(RECORD).encode(), read_record),
        Kind("box.npy", single(BOX), read_now_box),
        Kind("depth.npz", packed(depth=np.ones((4, 5)), focal=np.array(300.0)), read_depth_map),
        Kind("p.npz", packed(names=np.array(["a", "b"]), landmarks_68=np.full((2, 3, 68), 50.0)),
             lambda path: read_predictions(path, ["a", "b"])),
        Kind("w.npz", packed(mean=np.ones(4), std=np.ones(4)), read_whitening),
        Kind("numbers.txt", b"1.5 2e3 -4\n7 8 9\n", read_text_numbers),
        Kind("w.safetensors", weights(), load_weights),
        Kind("unsealed.safetensors", unsealed(weights()), load_weights),
        Kind("finder.safetensors", unsealed(finder()), load_finder),
        Kind("a.pth", state(True), lambda path: load_torch(path, "tensors")),
        Kind("old.pth", state(False), lambda path: load_torch(path, "tensors")),
    )  # fmt: skip
