"""`selfie3d doctor` and `selfie3d list`: what there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from ..core.registry import Registry

BROKEN = 1
_SUMMARY = "summary"  # key of a line of text


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("doctor")(doctor_command)
    app.command("list")(list_command)


def doctor_command(
    weights_dir: Annotated[
        Path | None, typer.Option(help="Where downloaded weights lie; else $SELFIE3D_WEIGHTS.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="ROOT", help="Look for data sets here and below."),
    ] = None,
) -> None:
    """What is installed, found and missing, and what to do; exit status 1 if it cannot work."""
    from ..pipeline.about.doctor import examine, report

    checks = examine(weights_dir)
    if data is not None:
        from ..pipeline.about.doctor_data import examine_data

        checks = [*checks, *examine_data(data)]
    report(checks)
    if any(check.broken for check in checks):
        raise typer.Exit(BROKEN)


def list_command(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Such as networks or protocols.")],
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON list of objects.")] = False,
    explain: Annotated[
        str | None, typer.Option(metavar="NAME", help="The layers of one network.")
    ] = None,
) -> None:
    """The names of everything of one kind; networks with their size."""
    if explain is not None:
        typer.echo(_explained(kind, explain))
        return
    if kind not in _LISTS:
        raise UnknownNameError("kind", kind, list(_LISTS))
    items = _LISTS[kind]()
    if as_json:
        typer.echo(json.dumps(items))
        return
    for item in items:
        rest = ", ".join(
            str(value) if key == _SUMMARY else f"{key} {value}"
            for key, value in item.items()
            if key != "name"
        )
        typer.echo(f"{item['name']}  {rest}" if rest else f"{item['name']}")


def _explained(kind: str, name: str) -> str:
    from ..models.describe import describe_network, format_layers
    from ..models.registry import NETWORKS

    if kind != "networks":
        raise InputError("--explain", "only after `list networks`", f"`list {kind}`")
    network = NETWORKS.create(name).eval()
    return f"{name}: {network.paper}\n{format_layers(describe_network(network))}"


def _names(registry: Registry) -> list[dict[str, object]]:
    return [{"name": name} for name in registry.names()]


def _face_models() -> list[dict[str, object]]:
    from ..facemodels import FACE_MODELS

    return _names(FACE_MODELS)


def _rasterizers() -> list[dict[str, object]]:
    from ..render.back_ends import RASTERIZERS

    return _names(RASTERIZERS)


def _losses() -> list[dict[str, object]]:
    from ..losses.registry import LOSSES

    return [{"name": name, _SUMMARY: _first_line(LOSSES.get(name))} for name in LOSSES.names()]


def _first_line(function: Callable[..., object]) -> str:
    return (function.__doc__ or "").strip().split("\n", 1)[0]


def _data_sets() -> list[dict[str, object]]:
    from ..datasets.photographs.registry import DATASETS

    return _names(DATASETS)


def _recipes() -> list[dict[str, object]]:
    from ..recipes.registry import recipe_names

    return [{"name": name} for name in recipe_names()]


def _protocols() -> list[dict[str, object]]:
    from ..evaluate.registry import PROTOCOLS

    return _names(PROTOCOLS)


def _networks() -> list[dict[str, object]]:
    from ..evaluate.protocols.network_cost import count_macs, count_parameters
    from ..models.registry import NETWORKS

    items: list[dict[str, object]] = []
    for name in NETWORKS.names():
        network = NETWORKS.create(name).eval()
        shape = network.input_shape
        size = {"parameters": count_parameters(network), "macs": count_macs(network, shape)}
        items.append({"name": name, **size, "input": list(shape), "paper": network.paper})
    return items


def _weights() -> list[dict[str, object]]:
    from ..models.weights import load_weights
    from ..models.weights_found import find_weights, weight_names

    items: list[dict[str, object]] = []
    for name in weight_names():
        weights, file = load_weights(name), find_weights(name)
        facts = {"face_model": weights.face_model, "bytes": file.stat().st_size}
        items.append({"name": name, **facts})
    return items


_LISTS: dict[str, Callable[[], list[dict[str, object]]]] = {
    "data-sets": _data_sets,
    "face-models": _face_models,
    "losses": _losses,
    "networks": _networks,
    "protocols": _protocols,
    "rasterizers": _rasterizers,
    "recipes": _recipes,
    "weights": _weights,
}
