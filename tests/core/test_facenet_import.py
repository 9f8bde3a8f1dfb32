"""facenet-pytorch without torchvision: what it then computes, and what is left behind.

The import is tried in a fresh process, as a module is imported but once.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from selfie3d.core.facenet_import import batched_nms, require_facenet

PACKAGE = Path(find_spec("selfie3d").origin).parent


def run_python(code: str, folder: Path) -> str:
    """Run `code` in a new interpreter where `selfie3d` is this package."""
    (folder / "selfie3d").symlink_to(PACKAGE, target_is_directory=True)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_torchvision_is_not_imported_before_it_is_needed(tmp_path):
    """Nor PyTorch's compiler; then facenet-pytorch's own cutting of faces finds the real one."""
    run_python(
        """
        import sys
        import numpy as np
        from PIL import Image
        from selfie3d.core.facenet_import import import_facenet
        from selfie3d.detect import get_face_detector
        detector = get_face_detector("mtcnn")
        assert "facenet_pytorch" not in sys.modules
        assert detector.detect(np.zeros((64, 64, 3), np.uint8)) == []
        assert "facenet_pytorch" in sys.modules
        names = ("torchvision", "torch._dynamo", "requests", "urllib3")
        heavy = {name for name in sys.modules if name.startswith(names)}
        assert not heavy, heavy
        facenet = import_facenet()
        face = facenet.extract_face(Image.new("RGB", (50, 50), (255, 0, 0)), np.array([0, 0, 9, 9]))
        assert face.shape == (3, 160, 160) and float(face[0].min()) == 255
        import torchvision.ops
        assert "site-packages" in torchvision.__file__ and torchvision.ops.box_area
        assert import_facenet() is facenet
        from facenet_pytorch.models import inception_resnet_v1
        session = inception_resnet_v1.requests.Session()
        session.mount("https://", inception_resnet_v1.HTTPAdapter(max_retries=3))
        assert session.adapters["https://"].max_retries.total == 3
        """,
        tmp_path,
    )


def test_an_absent_package_is_said(monkeypatch):
    monkeypatch.setattr("selfie3d.core.facenet_import.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "facenet_pytorch", raising=False)
    with pytest.raises(FileNotFoundError, match="facenet-pytorch"):
        require_facenet()


def boxes_in_groups(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 40, (count, 2))], 1)
    scores = rng.choice([0.1, 0.4, 0.6, 0.9], count)  # many equal scores
    return torch.tensor(boxes), torch.tensor(scores), torch.tensor(rng.integers(0, 3, count))


def test_groups_are_suppressed_apart():
    """As boxes that lie too far apart to overlap, which is how it can be written as well."""
    from selfie3d.core.torchvision_shim import nms

    boxes, scores, groups = boxes_in_groups(3, 150)
    kept = batched_nms(boxes, scores, groups, 0.4)
    apart = nms(boxes + 1000 * groups[:, None], scores, 0.4)
    assert kept.tolist() == apart.tolist() and 10 < len(kept) < 150
    assert len(batched_nms(boxes[:0], scores[:0], groups[:0], 0.4)) == 0


@pytest.mark.parametrize("count", [40, 1200])  # torchvision has two ways: few boxes and many
def test_equals_torchvision(count):
    from selfie3d.core.torchvision_shim import ensure_torchvision

    ensure_torchvision()
    from torchvision.ops import batched_nms as theirs

    boxes, scores, groups = boxes_in_groups(count, count)
    scores += torch.arange(count) * 1e-6  # torchvision leaves the order of equal ones open
    kept = batched_nms(boxes.float(), scores, groups, 0.5)
    assert kept.tolist() == theirs(boxes.float(), scores, groups, 0.5).tolist()
