"""Work on Ray gives what it gives without, and who dies is heard of."""

from __future__ import annotations

import os

import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.core.ray_pool import RayPool
from selfie3d.core.ray_session import ray_session
from selfie3d.core.worker_pool import Died
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.shards import write_shards
from selfie3d.prepare.options import PrepareOptions
from selfie3d.prepare.run import PrepareRun, prepare


@pytest.fixture(scope="module")
def ray(ray_that_starts):
    with ray_session("local", 2) as ray:
        yield ray


def _half(number: int) -> float:
    if number == 13:
        os._exit(1)
    if number < 0:
        raise InputError("number", "0 or more", str(number))
    return number / 2


def _nothing() -> None:
    pass


def _broken() -> None:
    raise InputError("start", "a start", "none")


def test_results_and_deaths(ray, capsys):
    pool = RayPool(_half, _nothing, (), str, "local")
    found = dict(pool.work([5, 13, 8, 2], workers=2))
    assert isinstance(found.pop(13), Died) and found == {5: 2.5, 8: 4.0, 2: 1.0}
    assert capsys.readouterr().err.count("died at 13") == 2


def test_errors_arrive_as_they_were_raised(ray):
    with pytest.raises(InputError, match="0 or more, got -1"):
        list(RayPool(_half, _nothing, (), str, "local").work([-1], workers=1))
    with pytest.raises(InputError, match="a start, got none"):
        list(RayPool(_half, _broken, (), str, "local").work([1], workers=1))


def test_drawn_shards_are_the_same(ray, tmp_path, monkeypatch):
    config = SyntheticConfig(size=32)
    (plain,) = write_shards(tmp_path / "plain", config, 3)
    (drawn,) = write_shards(tmp_path / "ray", config, 3, ray_address="local")
    assert plain.read_bytes() == drawn.read_bytes()


def test_prepared_shards_are_the_same(ray, repository, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    portrait = Image.open(repository / "pipeline" / "data" / "astronaut.jpg").convert("RGB")
    for k in range(3):
        portrait.resize((240 + k, 240)).save(photos / f"{k}.png")
    (photos / "bad.png").write_text("no picture")
    options = PrepareOptions(landmarks="own", skin="none", held_out=0.0)
    results = []
    for name in ("", "local"):
        out = tmp_path / f"out{name}"
        prepare("folder", photos, out, options, PrepareRun(ray_address=name))
        results.append({path.name: path.read_bytes() for path in out.glob("*.tar")})
    assert results[0] and results[0] == results[1]


def test_no_cluster_is_said(monkeypatch):
    class Ray:
        @staticmethod
        def is_initialized() -> bool:
            return False

        @staticmethod
        def init(**options: object) -> None:
            raise ConnectionError("no answer\nlong story")

        @staticmethod
        def shutdown() -> None:
            pass

    monkeypatch.setitem(__import__("sys").modules, "ray", Ray)
    refused = pytest.raises(InputError, match=r"a cluster that answers, got no answer\.")
    with refused, ray_session("10.0.0.1:6379"):
        pass
    with pytest.raises(InputError, match="0 or more"), ray_session(workers=-1):
        pass


def test_without_ray_the_command_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingFileError, match=r"selfie3d\[scale\]"), ray_session():
        pass
