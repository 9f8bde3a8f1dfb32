"""What a release says of itself is the same everywhere, and its workflows run what is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import selfie3d
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def commands(workflow: Path) -> list[str]:
    jobs = read(workflow)["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def test_one_version_everywhere():
    citation = read(ROOT / "CITATION.cff")
    assert PROJECT["version"] == selfie3d.__version__ == citation["version"]
    assert citation["license"] == PROJECT["license"]
    heading = re.search(r"^## .*$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heading and ("Unreleased" in heading[0] or PROJECT["version"] in heading[0])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_there_is(workflow):
    content = read(workflow)
    assert content["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in content["jobs"].values())
    text = "\n".join(commands(workflow))
    targets = set(re.findall(r"^make (\w+)", text, re.MULTILINE))
    known = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    extras = set(re.findall(r'"\.\[(\w+)\]"', text))
    assert targets <= known and extras <= set(PROJECT["optional-dependencies"])


def test_the_suite_runs_on_every_python_that_is_named():
    matrix = read(GITHUB / "workflows" / "tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    named = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c]
    assert matrix["python"] == named
    (torch,) = [name for name in PROJECT["dependencies"] if name.startswith("torch>")]
    assert f"torch>={matrix['include'][0]['torch']}" in torch


def test_contributing_names_every_workflow_and_room():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for workflow in WORKFLOWS:
        assert f"(.github/workflows/{workflow.name})" in page
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert [room for room in sorted(rooms) if f"`{room}/`" not in page] == []
    linked = re.findall(r"\]\(([^)#:]+)", page)
    assert [name for name in linked if not (ROOT / name).exists()] == []


def test_forms_of_issues_have_what_github_asks_for():
    for form in sorted((GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml")):
        content = read(form)
        assert {"name", "description", "body"} <= set(content), form
        names = [part["id"] for part in content["body"] if part["type"] != "markdown"]
        assert len(names) == len(set(names)) > 0
