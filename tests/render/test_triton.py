"""The back end `triton` where it cannot run; tests/render/test_parity.py has what it draws."""

from __future__ import annotations

import importlib
import importlib.util

import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.render import back_ends


def test_a_missing_package_is_named_with_its_remedy(monkeypatch) -> None:
    monkeypatch.setattr(back_ends, "find_spec", lambda name: None)
    with pytest.raises(MissingFileError, match="pip install triton"):
        back_ends.get_rasterizer("triton")


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="needs triton")
def test_without_cuda_it_says_so_and_how_to_try_it(monkeypatch) -> None:
    importlib.import_module("selfie3d.render.triton.back_end")  # while the interpreter is on
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(InputError, match="TRITON_INTERPRET=1"):
        back_ends.get_rasterizer("triton")


@pytest.mark.slow
def test_silhouette_pairs_are_those_of_the_cpu(meshes) -> None:
    pytest.importorskip("triton")
    from selfie3d.render.cpu.antialias import find_pairs as find_on_cpu
    from selfie3d.render.cpu.topology import topology_of
    from selfie3d.render.triton.silhouette import Tables, find_pairs

    pos, tri = meshes.bumpy_ball(9, 12)
    pos = torch.stack([pos, pos * torch.tensor([0.7, 0.9, 1, 1])])
    rast = back_ends.get_rasterizer("cpu").rasterize(pos, tri, (50, 40)).buffer
    pairs, _, counts = find_on_cpu(pos, rast, topology_of(tri))
    expected = {(b, *map(int, row)) for b in range(2) for row in pairs[b, : counts[b]]}
    found = find_pairs(pos, rast, Tables.of(tri))
    ours = torch.stack([found.image, found.i, found.j, found.near, found.far], 1)
    assert len(expected) > 60 and {tuple(row) for row in ours.tolist()} == expected
