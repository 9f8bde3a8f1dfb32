"""PyTorch's files by strangers: sizes are compared with what is there, and nothing is run."""

from __future__ import annotations

import os
import pickle
import tarfile
import zipfile
from collections import OrderedDict

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.models.torch_file import load_torch

STATE = OrderedDict(
    a=torch.arange(1000.0), b=torch.ones(2, 3).half(), c=torch.tensor(3), d=torch.zeros(0, 4)
)


@pytest.mark.parametrize("archive", [True, False])
def test_both_layouts_are_read(tmp_path, archive):
    state = {"state_dict": STATE, "step": 7, "shared": [STATE["a"][10:20], STATE["a"]], "name": "x"}
    path = tmp_path / "a.pth"
    torch.save(state, path, _use_new_zipfile_serialization=archive)
    found = load_torch(path, "tensors")
    assert found["step"] == 7 and list(found["state_dict"]) == list(STATE)
    assert all(torch.equal(found["state_dict"][k], v) for k, v in STATE.items())
    assert torch.equal(found["shared"][0], STATE["a"][10:20])


def rewritten(path, target, change, kind=zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", kind) as archive:
        for member in source.infolist():
            archive.writestr(member.filename, change(member.filename, source.read(member.filename)))


def test_records_shorter_than_declared(tmp_path):
    """Before torch 2.6 the rest was read from beyond the record."""
    torch.save(STATE, tmp_path / "a.pth")
    cut = tmp_path / "cut.pth"
    rewritten(tmp_path / "a.pth", cut, lambda n, d: d[:40] if n.endswith("data/0") else d)
    with pytest.raises(InputError, match=r"cut\.pth.*40 bytes for the storage 0 of 4,000"):
        load_torch(cut, "tensors")
    packed = tmp_path / "packed.pth"
    rewritten(tmp_path / "a.pth", packed, lambda _, d: d, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="is packed"):
        load_torch(packed, "tensors")


def test_old_files_that_declare_gigabytes(tmp_path):
    path = tmp_path / "a.pth"
    torch.save(STATE, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert content.count(b"M\xe8\x03") > 1  # 1,000
    path.write_bytes(content.replace(b"M\xe8\x03", b"J\xff\xff\xff\x7f", 1))
    with pytest.raises(InputError, match=r"for storages of 8,\d\d\d,\d\d\d,\d\d\d"):
        load_torch(path, "tensors")


class Harmful:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("archive", [True, False])
def test_nothing_is_run_and_nothing_is_unpacked(tmp_path, archive, monkeypatch):
    monkeypatch.setattr(tarfile.TarFile, "extract", lambda *_, **__: pytest.fail("unpacked"))
    path, marker = tmp_path / "a.pth", tmp_path / "made"
    torch.save({"a": Harmful(marker)}, path, _use_new_zipfile_serialization=archive)
    with pytest.raises(InputError, match=r"a\.pth"):
        load_torch(path, "tensors")
    path.write_bytes(pickle.dumps(Harmful(marker), 2))
    with pytest.raises(InputError, match="does not begin"):
        load_torch(path, "tensors")
    with tarfile.open(path, "w") as tar:  # the layout before 0.4
        tar.add(__file__, "storages")
    with pytest.raises(InputError, match="does not begin"):
        load_torch(path, "tensors")
    assert not marker.exists()


@pytest.mark.parametrize("archive", [True, False])
def test_damaged_files_end_in_one_error(tmp_path, archive):
    path = tmp_path / "a.pth"
    torch.save(STATE, path, _use_new_zipfile_serialization=archive)
    content = path.read_bytes()
    for at in range(0, 1200, 37):
        for changed in (content[:at], content[:at] + b"\xff\x7f" + content[at + 2 :]):
            path.write_bytes(changed or b"\0")
            try:
                load_torch(path, "tensors")
            except InputError as error:
                assert "a.pth" in str(error)


def test_a_changed_byte_of_our_own_files_is_noticed(tmp_path):
    path = tmp_path / "a.pt"
    torch.save(STATE, path)
    whole = path.read_bytes()
    assert torch.equal(load_torch(path, "tensors", own=True)["a"], STATE["a"])
    at = whole.index(STATE["a"].numpy().tobytes()) + 1000
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    load_torch(path, "tensors")  # as torch itself: others write files without checksums
    with pytest.raises(InputError, match=r"other bytes than were written in the record .*data/0"):
        load_torch(path, "tensors", own=True)
