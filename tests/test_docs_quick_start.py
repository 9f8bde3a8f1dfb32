"""The commands of docs/quick-start.md do what the page says, one after the other."""

from __future__ import annotations

import re
import shlex
import shutil
import webbrowser
from pathlib import Path

import pytest
from selfie3d.cli import app
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHORTER = {
    "train": [
        "data.train=[{name: drawn, root: runs/tiny/faces, options: {count: 16, size: 80}}]",
        "data.validation=[{name: drawn, root: runs/tiny/unseen, options: {count: 4, size: 80}}]",
        "data.batch=8",
        "engine.schedule={steps: 3, minutes: 0, warmup: 1}",
    ]
}
"""What makes two minutes seconds."""


def commands() -> list[list[str]]:
    """Words after `selfie3d`, of every line of a block."""
    blocks = _BLOCK.findall((ROOT / "docs" / "quick-start.md").read_text())
    lines = [line for kind, block in blocks if not kind for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("selfie3d ")]


def test_the_page_has_the_commands() -> None:
    named = {words[0] for words in commands()}
    assert {"demo", "reconstruct", "view", "train", "evaluate"} == named


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "pipeline" / "data" / "astronaut.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(webbrowser, "open", lambda *args, **kwargs: True)
    for words in commands():
        result = CliRunner().invoke(app, words + SHORTER.get(words[0], []))
        assert result.exit_code == 0, (words, result.output, result.exception)
    for made in (
        "demo_output/astronaut_viewer.html",
        "faces/photo.glb",
        "faces/viewer.html",
        "runs/tiny/best.safetensors",
        "tiny_faces/photo.json",
        "report/report.html",
    ):
        assert Path(made).is_file(), made
    assert any(Path("runs/tiny/pictures").iterdir())
