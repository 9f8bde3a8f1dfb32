"""The files of docs/deploy parse, fit together and use options that we have."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[2] / "docs" / "deploy"
yaml = pytest.importorskip("yaml")


def commands() -> list[str]:
    texts = [path.read_text() for path in sorted(FILES.iterdir())]
    return [line for text in texts for line in re.findall(r"selfie3d batch .*", text)]


def test_the_cluster_names_types_that_it_has():
    content = yaml.safe_load((FILES / "ray_cluster.yaml").read_text())
    assert content["head_node_type"] in content["available_node_types"]
    for kind in content["available_node_types"].values():
        assert kind.get("max_workers", 0) <= content["max_workers"]


def test_the_cluster_is_one_of_rays():
    util = pytest.importorskip("ray.autoscaler._private.util", reason="needs ray[default]")
    content = yaml.safe_load((FILES / "ray_cluster.yaml").read_text())
    util.validate_config(util.fillout_defaults(content))


def test_the_job_mounts_what_it_writes_to():
    content = yaml.safe_load((FILES / "kuberay.yaml").read_text())
    assert (content["apiVersion"], content["kind"]) == ("ray.io/v1", "RayJob")
    cluster = content["spec"]["rayClusterSpec"]
    pods = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for pod in pods:
        spec = pod["template"]["spec"]
        volumes = {volume["name"] for volume in spec["volumes"]}
        for container in spec["containers"]:
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            assert set(mounts) <= volumes and "/shared" in mounts.values()
    assert "--out /shared/" in content["spec"]["entrypoint"]


@pytest.mark.parametrize("shell", ["bash"])
def test_the_script_parses(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    script = FILES / "slurm.sh"
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr


def test_the_commands_are_ours():
    from selfie3d.cli import app
    from typer.testing import CliRunner

    shown = CliRunner().invoke(app, ["batch", "--help"], env={"COLUMNS": "200"}).output
    found = [option for line in commands() for option in re.findall(r"--[a-z-]+", line)]
    assert len(commands()) == 3 and set(found) <= set(re.findall(r"--[a-z-]+", shown))
