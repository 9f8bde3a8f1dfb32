"""The repair is tried in fresh processes: operators cannot be taken back once they are defined."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from selfie3d.core.torchvision_shim import nms

PACKAGE = Path(find_spec("selfie3d").origin).parent


def run_python(code: str, folder: Path) -> str:
    """Run `code` in a new interpreter in `folder`, where `selfie3d` is this package."""
    link = folder / "link"
    link.mkdir()
    (link / "selfie3d").symlink_to(PACKAGE, target_is_directory=True)
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", textwrap.dedent(code)],
        cwd=folder,
        env={"PYTHONPATH": f"{link}:{folder}", "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def naive_nms(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Box by box in plain Python, in double precision."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        x0, y0, x1, y1 = (float(v) for v in boxes[i])
        for j in kept:
            u0, v0, u1, v1 = (float(v) for v in boxes[j])
            shared = max(0.0, min(x1, u1) - max(x0, u0)) * max(0.0, min(y1, v1) - max(y0, v0))
            union = (x1 - x0) * (y1 - y0) + (u1 - u0) * (v1 - v0) - shared
            if union > 0 and shared / union > threshold:
                break
        else:
            kept.append(i)
    return kept


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_nms_equals_the_naive_one(threshold):
    rng = np.random.default_rng(7)
    corner = rng.uniform(0, 60, (200, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 40, (200, 2))], 1)
    boxes[5], boxes[9] = boxes[4], [3, 3, 3, 3]
    scores = rng.choice([0.1, 0.4, 0.6, 0.9], 200)  # many equal scores
    kept = nms(torch.tensor(boxes), torch.tensor(scores), threshold)
    assert kept.dtype == torch.int64
    assert kept.tolist() == naive_nms(boxes, scores, threshold)


def test_nms_of_nothing():
    kept = nms(torch.zeros(0, 4), torch.zeros(0), 0.5)
    assert kept.shape == (0,) and kept.dtype == torch.int64


FAKE_TORCHVISION = """
import torch
torch.library.register_fake("torchvision::nms")(lambda dets, scores, iou: scores.new_empty(0))
from . import extension
"""
FAKE_EXTENSION = "def _has_ops():\n    return {answer}\n"


def fake_torchvision(folder: Path, has_ops: bool) -> None:
    """As torchvision's import does: needs the operator's schema, and has `extension._has_ops`."""
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(FAKE_TORCHVISION)
    (package / "extension.py").write_text(FAKE_EXTENSION.format(answer=has_ops))
    (package / f"_C{EXTENSION_SUFFIXES[-1]}").write_bytes(b"not a library")


def test_broken_operators_are_replaced(tmp_path):
    """A torchvision that is not there is named before, and a version that nobody tried, too."""
    fake_torchvision(tmp_path, has_ops=False)
    info = tmp_path / "torchvision-0.99.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.99.0\n")
    output = run_python(
        """
        from selfie3d.core import errors, torchvision_shim as shim
        find_spec, shim.find_spec = shim.find_spec, lambda name: None
        try:
            shim.ensure_torchvision()
        except errors.MissingFileError as error:
            print(error)
        shim.find_spec = find_spec
        assert shim.ensure_torchvision() and shim.ensure_torchvision()
        import torch, torchvision
        assert "link" not in torchvision.__file__
        boxes = torch.tensor([[0., 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]])
        kept = torch.ops.torchvision.nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5)
        assert kept.tolist() == [1, 2]
        assert torchvision.extension._has_ops()
        print("done")
        """,
        tmp_path,
    )
    assert "torchvision not found" in output and "done" in output
    assert "UserWarning: torchvision 0.99.0 cannot load its operators" in output


def test_real_operators_are_left_alone(tmp_path):
    fake_torchvision(tmp_path, has_ops=True)
    output = run_python(
        """
        import torch
        schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        torch.library.define("torchvision::nms", schema)
        torch.library.impl("torchvision::nms", "cpu", lambda d, s, t: torch.tensor([42]))
        from selfie3d.core import torchvision_shim as shim
        assert not shim.ensure_torchvision()
        import torchvision
        before = torchvision.extension._has_ops
        assert not shim.ensure_torchvision() and torchvision.extension._has_ops is before
        kept = torch.ops.torchvision.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
        assert kept.tolist() == [42]
        assert not hasattr(torch.ops.torchvision, "qnms")
        print("done")
        """,
        tmp_path,
    )
    assert "done" in output and "Warning" not in output


def test_the_installed_detector_works_after_it(tmp_path):
    """In whichever situation this environment is, the installed packages must load and agree."""
    output = run_python(
        """
        from selfie3d.core.torchvision_shim import ensure_torchvision, nms
        print("shimmed" if ensure_torchvision() else "real")
        import numpy as np, torch
        import torchvision.transforms.v2, torchvision.models
        from torchvision.ops import batched_nms, nms as theirs
        from selfie3d.core.facenet_import import import_facenet
        assert import_facenet().models.utils.detect_face.batched_nms is batched_nms
        from facenet_pytorch import MTCNN
        generator = torch.Generator().manual_seed(1)
        boxes = torch.rand(100, 4, generator=generator) * 50
        boxes[:, 2:] += boxes[:, :2]
        scores = torch.rand(100, generator=generator)
        assert theirs(boxes, scores, 0.4).tolist() == nms(boxes, scores, 0.4).tolist()
        group = torch.arange(100) % 2
        assert len(batched_nms(boxes, scores, group, 0.4)) >= len(nms(boxes, scores, 0.4))
        found, _ = MTCNN(keep_all=True).detect(np.zeros((64, 64, 3), np.uint8))
        assert found is None
        print("done")
        """,
        tmp_path,
    )
    assert "done" in output
