"""Recognising models, the generic file and the packed ICT and Surrey through the conversion."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.convert import describe_family
from selfie3d.facemodels.layout import FAMILIES


def generic(tiny):
    return {
        "mean": 0.1 * tiny.mean,
        "faces": tiny.faces,
        "identity": 0.1 * tiny.identity,
        "expression": 0.1 * tiny.expression,
        "albedo_mean": tiny.albedo_mean,
        "albedo_basis": tiny.albedo_basis,
        "landmarks_ibug68_vertices": tiny.points,
        "unit": np.array("cm"),
        "licence": np.array("for this test"),
        "region_nose": np.arange(len(tiny.mean)) < 9,
    }


def test_the_generic_file(tmp_path, tiny, convert):
    np.savez(tmp_path / "mine.npz", **generic(tiny))
    done = convert(tmp_path / "mine.npz")
    assert done.kind == "npz" and done.model.licence == "for this test"
    tiny.check(done.model, "identity", "expression", "albedo_mean", "albedo_basis")
    assert int(done.model.regions["nose"].sum()) == 9
    few = convert(tmp_path / "mine.npz", identity=3, expressions=1, albedo=0).model
    assert few.sizes == (3, 1, 0)


@pytest.mark.parametrize("kind", ["ict", "sfm"])
def test_the_packed_models(shared_data, convert, kind):
    name = {"ict": "ict_face9409.npz", "sfm": "sfm_3448.npz"}[kind]
    path = shared_data(f"models/{kind}") / name
    done, direct = convert(path, identity=5), load_face_model(path)
    assert done.kind == f"{kind}-npz" and done.model.licence == direct.licence
    assert torch.equal(done.model.identity, direct.identity[:5])
    assert torch.equal(done.model.expression, direct.expression)
    assert done.model.expression_names == direct.expression_names


def test_what_is_known_is_told(tmp_path, tiny, convert):
    np.savez(tmp_path / "mine.npz", **generic(tiny))
    facts = describe_family(convert(tmp_path / "mine.npz"))
    assert facts["kind"].startswith("npz (") and "mm" in facts["here"]
    for name in FAMILIES.names():
        family = FAMILIES.create(name)
        assert family.title and family.layout and "+x" in family.space, name


def test_unusable_sources_are_named(tmp_path, tiny, convert):
    with pytest.raises(MissingFileError, match="absent"):
        convert(tmp_path / "absent.mat")
    with pytest.raises(InputError, match="a folder"):
        convert(tmp_path)
    (tmp_path / "text.bin").write_text("not a model at all, only words")
    with pytest.raises(InputError, match="basel-2009"):
        convert(tmp_path / "text.bin")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        convert(tmp_path / "empty")
    np.savez(tmp_path / "other.npz", weather=np.ones(3))
    with pytest.raises(InputError, match="weather"):
        convert(tmp_path / "other.npz")
    np.savez(tmp_path / "mine.npz", **generic(tiny))
    with pytest.raises(UnknownNameError, match="basel-2009"):
        convert(tmp_path / "mine.npz", kind="basel")
    with pytest.raises(MissingFileError, match="nowhere"):
        convert(tmp_path / "mine.npz", indices=tmp_path / "nowhere")


def test_what_has_to_be_converted_first_says_so(tmp_path):
    (tmp_path / "generic_model.pkl").write_bytes(b"\x80\x02N.")
    for path in (tmp_path / "generic_model.pkl", tmp_path):
        with pytest.raises(InputError, match="selfie3d model convert"):
            load_face_model(path)


@pytest.mark.parametrize("kind", sorted(FAMILIES.names()))
def test_the_wrong_kind_is_refused(tmp_path, tiny, convert, kind):
    """A forced kind on another's file says what is missing."""
    if kind == "npz":
        pytest.skip("takes this file")
    if kind in ("basel-h5", "albedomm"):
        pytest.importorskip("h5py")
    np.savez(tmp_path / "mine.npz", **generic(tiny))
    with pytest.raises(InputError, match=r"mine\.npz"):
        convert(tmp_path / "mine.npz", kind=kind)
