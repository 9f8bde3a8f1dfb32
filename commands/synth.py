"""`selfie3d synth`: draw synthetic faces into shards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .option_groups import RayAddress


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("synth")(_synth)


def _synth(
    out: Annotated[Path, typer.Option("--out", help="Folder of the shards.")],
    count: Annotated[int, typer.Option("--count", min=1, help="How many faces.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, other faces.")] = 0,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 1,
    ray_address: RayAddress = "",
    size: Annotated[int, typer.Option("--size", help="Side of the images, pixels.")] = 128,
    turns: Annotated[
        float, typer.Option("--turns", help="How far heads turn: 1 to profile, 0.4 as in selfies.")
    ] = 1.0,
    backgrounds: Annotated[
        str, typer.Option("--backgrounds", help="A folder of photographs without faces.")
    ] = "",
    assets: Annotated[
        str, typer.Option("--assets", help="A folder of MakeHuman's assets: hair, brows, clothes.")
    ] = "",
    assets_share: Annotated[
        float,
        typer.Option("--assets-share", help="Share of people who wear them; the rest by rule."),
    ] = 1.0,
    hdri: Annotated[
        str, typer.Option("--hdri", help="A folder of panoramas (.hdr, .exr): light and places.")
    ] = "",
    views: Annotated[
        int, typer.Option("--views", min=1, help="Pictures of each person, one after the other.")
    ] = 1,
    margin: Annotated[
        float, typer.Option("--margin", help="How much is round a face: 1 (tight) to 3.")
    ] = 1.25,
    clean: Annotated[
        bool, typer.Option("--clean", help="As drawn: no noise, no blur, no border. For detectors.")
    ] = False,
) -> None:
    """Draw synthetic faces with all labels; run it again to continue."""
    from PIL import Image

    from ..core.whole_file import prepare_folder, write_whole
    from ..datasets.synthetic.config import SyntheticConfig
    from ..datasets.synthetic.shards import open_shards, write_shards
    from ..datasets.synthetic.sheet import draw_sheet
    from ..datasets.synthetic.studio import folder_problems

    prepare_folder(out)
    config = SyntheticConfig(
        size=size, seed=seed, turns=turns, backgrounds=backgrounds, assets=assets,
        assets_share=assets_share, hdri=hdri, views=views, margin=margin,
    )  # fmt: skip
    if clean:
        config = replace(config, degradation=0.0, border=0.0)
    for problem in folder_problems(config):
        typer.echo(f"Left out: {problem}", err=True)
    shards = write_shards(out, config, count, workers, ray_address=ray_address)
    sheet = out / "contact_sheet.png"
    picture = Image.fromarray(draw_sheet(open_shards(out)))
    write_whole(sheet, picture.save)
    typer.echo(f"{_many(count, 'face')} in {_many(len(shards), 'shard')}. Results: {out.resolve()}")
    typer.echo(f"  {sheet}")


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
