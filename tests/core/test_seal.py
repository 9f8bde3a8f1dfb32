"""Checksums in our own safetensors files."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save
from selfie3d.core.errors import InputError
from selfie3d.core.seal import CHECKSUM, UNSEALED, check_seal, sealed


@pytest.mark.parametrize("change", [1 << bit for bit in range(8)])
def test_a_changed_checksum_is_no_missing_checksum(tmp_path, change):
    """Whatever its characters become: digits that are none, a quotation mark, no text at all."""
    whole = sealed(save({"weight": torch.ones(3)}, {CHECKSUM: UNSEALED, "note": "x"}))
    path = tmp_path / "weights.safetensors"
    path.write_bytes(whole)
    check_seal(path, "weights")
    first = whole.index(b'"crc32":"') + len(b'"crc32":"')
    for at in range(first, first + 8):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :])
        with pytest.raises(InputError, match="other bytes than were written"):
            check_seal(path, "weights")
