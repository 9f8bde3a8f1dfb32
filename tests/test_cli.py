from __future__ import annotations

import json
from pathlib import Path

import pytest
import selfie3d.facemodels.build
import selfie3d.pipeline.about.doctor
import selfie3d.pipeline.about.model_info
import selfie3d.pipeline.demo
import selfie3d.pipeline.folder
from selfie3d.cli import app
from selfie3d.core.ending import TerminatedError
from selfie3d.core.errors import InputError, NoFaceError
from selfie3d.core.picture_folders import FoundPictures
from selfie3d.pipeline.about.doctor import Check
from selfie3d.pipeline.folder import Summary
from typer.testing import CliRunner

GOOD = Summary(faces=2, succeeded=[Path("a.jpg")], files=[Path("out/a.glb")])


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"not looked at")
    return path


@pytest.fixture
def reconstruct(monkeypatch, photo):
    """Run `selfie3d reconstruct` on a replaced pipeline that returns or raises `outcome`."""

    def run(outcome, *arguments):
        calls = []

        def pipeline(photos, out, **options):
            calls.append((photos, out, options))
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(selfie3d.pipeline.folder, "reconstruct_paths", pipeline)
        command = ["reconstruct", str(photo), "--out", "out", *arguments]
        return CliRunner().invoke(app, command), calls

    return run


def test_all_photographs_gave_a_face(reconstruct, photo):
    result, calls = reconstruct(GOOD)
    assert result.exit_code == 0
    assert "2 faces from 1 photograph" in result.stdout and "a.glb" in result.stdout
    photos, out, options = calls[0]
    assert photos == [photo] and out == Path("out")
    assert options["strict"] is False and options["resume"] is True


def test_size_mesh_and_maps_reach_the_options(reconstruct):
    _, calls = reconstruct(GOOD)
    plain = calls[0][2]["options"]
    assert (plain.ipd, plain.mesh, plain.write) == (None, "head", None)
    arguments = ("--ipd", "63.5", "--mesh", "face", "--write", "depth, normals")
    options = reconstruct(GOOD, *arguments)[1][0][2]["options"]
    assert (options.ipd, options.mesh, options.write) == (63.5, "face", ("depth", "normals"))
    result, calls = reconstruct(GOOD, "--mesh", "skull")
    assert result.exit_code == 2 and "skull" in result.stderr and not calls
    result, calls = reconstruct(GOOD, "--detector", "drawn", "--glasses", "remove")
    assert (calls[0][2]["options"].detector, calls[0][2]["options"].glasses) == ("drawn", "remove")
    assert reconstruct(GOOD, "--detector", "mtcn")[0].exit_code == 2
    result, _ = reconstruct(GOOD, "--ipd", "6.35")
    assert result.exit_code == 1 and "35 to 90 mm" in result.stderr


@pytest.mark.parametrize("message", ["no face found", "b.jpg: no face found"])
def test_some_photographs_failed(reconstruct, message):
    mixed = Summary(faces=1, succeeded=[Path("a.jpg")], failed=[(Path("b.jpg"), message)])
    result, _ = reconstruct(mixed)
    assert result.exit_code == 1
    assert result.stderr == "selfie3d: b.jpg: no face found\n"
    assert "1 face from 1 photograph" in result.stdout and "1 failed" in result.stdout


@pytest.mark.parametrize("error", [NoFaceError("no face"), InputError("out", "writable", "not")])
def test_an_error_is_one_message_and_no_traceback(reconstruct, error):
    result, _ = reconstruct(error, "--strict")
    assert result.exit_code == 1
    assert result.stderr == f"selfie3d: {error}\n" and result.stdout == ""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device", "out/a"), "out/a: No space left on device"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 36 TB"), "not enough memory"),
    ],
)
def test_a_machine_that_is_full(reconstruct, error, message):
    result, _ = reconstruct(error)
    assert result.exit_code == 1 and message in result.stderr
    assert result.stderr.count("\n") == 1


def test_being_ended(reconstruct):
    result, _ = reconstruct(TerminatedError(15))
    assert result.exit_code == 143
    assert "ended by SIGTERM" in result.stderr and "same command continues" in result.stderr


def test_what_was_passed_over_and_where_tracebacks_are(reconstruct):
    passed = FoundPictures([], [(Path("x/notes.txt"), "no picture by suffix")])
    result, _ = reconstruct(Summary(found=passed, log=Path("out/errors.log")))
    assert "1 passed over (no picture by suffix): notes.txt" in result.stderr
    assert "out/errors.log" in result.stderr


def test_another_error_is_not_hidden(reconstruct):
    result, _ = reconstruct(ZeroDivisionError("a bug"))
    assert isinstance(result.exception, ZeroDivisionError)
    result, _ = reconstruct(RuntimeError("a bug"))
    assert isinstance(result.exception, RuntimeError)


def test_names_do_not_write_to_the_terminal(reconstruct):
    odd = Path("x/a\x1b[31m\nb\udcff.jpg")
    result, _ = reconstruct(Summary(failed=[(odd, f"{odd}: no face")], files=[odd]))
    assert "\x1b" not in result.output and "\\x1b[31m\\nb\\xff.jpg" in result.stderr


def test_interrupted(reconstruct):
    result, _ = reconstruct(KeyboardInterrupt())
    assert result.exit_code == 130
    assert "interrupted" in result.stderr


def test_options_reach_the_pipeline(reconstruct):
    flags = ["--strict", "--max-faces", "3", "--face-model", "m.npz", "--size", "512"]
    result, calls = reconstruct(GOOD, *flags, "--relight", "--no-resume")
    assert result.exit_code == 0, result.stderr
    given = calls[0][2]
    assert given["strict"] is True and given["resume"] is False
    options = given["options"]
    assert (options.max_faces, options.face_model) == (3, "m.npz")
    assert (options.texture_size, options.divide_light) == (512, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["reconstruct"],
        ["reconstruct", "missing.jpg", "--out", "out"],
        ["reconstruct", "."],
        ["reconstruct", ".", "--out", "out", "--max-faces", "0"],
        ["reconstruct", ".", "--out", "out", "--size", "3"],
        ["no-such-command"],
        ["list", "rasteriser"],
    ],
)
def test_usage_errors(arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stderr and "Traceback" not in result.stderr


def test_demo_says_where_the_results_are(monkeypatch, tmp_path):
    monkeypatch.setattr(selfie3d.pipeline.demo, "run_demo", lambda out: GOOD)
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 0
    assert f"Results: {tmp_path.resolve()}" in result.stdout


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a.glb", "a_viewer.html", "b.glb"], "open out/a_viewer.html in a browser"),
        (["a.json", "a.glb"], "selfie3d view "),
        (["a.json"], None),
    ],
)
def test_how_to_look_at_the_results_is_said(names, said, monkeypatch, tmp_path):
    files = [Path("out", name) for name in names]
    made = Summary(faces=1, succeeded=[Path("a.jpg")], files=files)
    monkeypatch.setattr(selfie3d.pipeline.demo, "run_demo", lambda out: made)
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert ("To turn and animate" in result.stdout) == (said is not None)
    assert said is None or f"To turn and animate: {said}" in result.stdout


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("rasterizers", "cpu"),
        ("face-models", "default"),
        ("losses", "wpdc"),
        ("data-sets", "celeba"),
        ("recipes", "faces"),
    ],
)
def test_list(kind, name):
    plain = CliRunner().invoke(app, ["list", kind])
    as_json = CliRunner().invoke(app, ["list", kind, "--json"])
    assert plain.exit_code == as_json.exit_code == 0
    names = [item["name"] for item in json.loads(as_json.stdout)]
    assert name in names
    assert [line.split()[0] for line in plain.stdout.splitlines()] == names


def test_list_explains_a_network():
    result = CliRunner().invoke(app, ["list", "networks", "--explain", "mobilenet_v1"])
    assert result.exit_code == 0
    assert "mobilenet_v1" in result.stdout and "Conv2d" in result.stdout
    result = CliRunner().invoke(app, ["list", "losses", "--explain", "wing"])
    assert result.exit_code != 0


def test_unknown_kind_names_the_nearest():
    result = CliRunner().invoke(app, ["list", "rasterizer"])
    assert "Did you mean 'rasterizers'" in result.stderr


@pytest.mark.parametrize(("broken", "status"), [(False, 0), (True, 1)])
def test_doctor_status(monkeypatch, broken, status):
    checks = [Check("Required", "numpy", "1", broken, "Mend it.")]
    monkeypatch.setattr(selfie3d.pipeline.about.doctor, "examine", lambda weights_dir: checks)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == status
    assert ("Mend it." in result.stdout) == broken


def test_version():
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0 and result.stdout == f"selfie3d {selfie3d.__version__}\n"


def test_model_info_prints_facts_and_the_folder(monkeypatch, tmp_path):
    facts = {"name": "default", "vertices": 12}
    monkeypatch.setattr(
        selfie3d.pipeline.about.model_info, "write_model_info", lambda name, out: facts
    )
    result = CliRunner().invoke(app, ["model", "info", "--out", str(tmp_path)])
    assert result.exit_code == 0
    assert result.stdout == f"name: default\nvertices: 12\npictures: {tmp_path}\n"


def test_model_info_of_an_unknown_model(tmp_path):
    result = CliRunner().invoke(app, ["model", "info", "defualt", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "Did you mean 'default'" in result.stderr and not (tmp_path / "out").exists()


def test_model_build_passes_its_paths(monkeypatch, tmp_path):
    calls = []
    build = lambda out, wheel: calls.append((out, wheel)) or out  # noqa: E731
    monkeypatch.setattr(selfie3d.facemodels.build, "build_default", build)
    result = CliRunner().invoke(app, ["model", "build", "--out", str(tmp_path / "m.npz")])
    assert result.exit_code == 0 and calls == [(tmp_path / "m.npz", None)]
    assert str(tmp_path / "m.npz") in result.stdout
