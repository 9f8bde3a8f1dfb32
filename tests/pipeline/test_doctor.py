from __future__ import annotations

import pytest
from selfie3d.core.weights_dir import KNOWN_WEIGHTS
from selfie3d.pipeline.about import doctor


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """The checks that take seconds are replaced; no weights are there."""
    for name in ("_detect_nothing", "_load_default_model", "_draw_triangle"):
        monkeypatch.setattr(doctor, name, lambda: "works")
    monkeypatch.delenv("SELFIE3D_WEIGHTS", raising=False)
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)


def by_name(checks):
    return {check.name: check for check in checks}


def test_this_environment_is_whole(quick, capsys):
    checks = doctor.examine()
    assert [check.name for check in checks if check.broken] == []
    doctor.report(checks)
    out = capsys.readouterr().out
    assert "All that is required works." in out
    assert set(KNOWN_WEIGHTS) <= set(by_name(checks))
    missing = [check.name for check in checks if check.name in KNOWN_WEIGHTS and check.remedy]
    assert all(name in out and KNOWN_WEIGHTS[name].source in out for name in missing)


def test_missing_package_is_broken_and_extras_are_not(quick, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "_PACKAGES", ("no-such-package-anywhere",))
    monkeypatch.setattr(doctor, "_EXTRAS", {"no_such_module": "pip install 'selfie3d[log]'"})
    checks = doctor.examine()
    found = by_name(checks)
    assert found["no-such-package-anywhere"].broken and not found["no_such_module"].broken
    doctor.report(checks)
    out = capsys.readouterr().out
    assert "Broken: no-such-package-anywhere." in out
    assert "selfie3d[log]" in out


@pytest.mark.parametrize("error", [ImportError("gone"), RuntimeError("gone"), OSError("gone")])
def test_part_that_fails_is_broken_and_says_why(quick, monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(doctor, "_draw_triangle", fail)
    check = by_name(doctor.examine())["CPU rasterizer"]
    assert check.broken and check.remedy == "gone"


def test_weights_that_are_there_are_found(quick, tmp_path):
    name = "backbone.pth"
    (tmp_path / name).write_bytes(b"x")
    assert by_name(doctor.examine(tmp_path))[name].found == str(tmp_path / name)
    assert by_name(doctor.examine())[name].found == ""


def test_the_parts_themselves_work():
    assert doctor._detect_nothing().startswith("works")
    assert doctor._load_default_model().endswith("triangles")
    assert doctor._draw_triangle() == "works"
    assert doctor._find_default_weights().startswith("default.safetensors")


@pytest.mark.parametrize(
    ("package", "licence"), [("nvdiffrast", "non-commercial use only"), ("pytorch3d", "BSD")]
)
def test_what_is_said_of_the_back_ends(quick, monkeypatch, package, licence):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    check = by_name(doctor.examine())[package]
    assert not check.broken and not check.found
    for text in ("optional", "rendering on NVIDIA GPUs", licence, "pip install", f"{package}.git"):
        assert text in check.remedy


def test_one_of_two_files_that_do_the_same_is_enough(quick, tmp_path):
    old, new = "2DFAN4-cd938726ad.zip", "2DFAN4-11f355bf06.pth.tar"
    assert KNOWN_WEIGHTS[new].source in by_name(doctor.examine(tmp_path))[new].remedy
    (tmp_path / old).write_bytes(b"x")
    checks = by_name(doctor.examine(tmp_path))
    assert checks[new].found == f"not needed: {old} is there" and not checks[new].remedy
    assert checks[old].found == str(tmp_path / old)
