"""Train a network: `python train.py CONFIG key=value ...`, the same as `selfie3d train`."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":  # its own folder holds packages named as third parties' are
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).parent]

from collections.abc import Sequence

ACCEPT = "--accept-changes"


def run_training(
    config: str | Path, overrides: Sequence[str] = (), accept_changes: bool = False
) -> dict[str, float]:
    """Build the parts of a configuration and train to the end of its schedule.

    `recipe` in the configuration says what it is for; without it, it is for "dense-points".
    Started again with the same output folder, a run goes on from its latest checkpoint.

    Args:
        config: a YAML file, or the name of one in configs/.
        overrides: `key.sub=value`.
        accept_changes: let a run go on with other settings than it began with, though its result
            then depends on when they changed. What changed is printed, and noted in the run's
            configuration.json and in its weights.

    Returns:
        The last validation's metrics.

    Raises:
        MissingFileError, UnknownNameError, InputError: the configuration is unusable, or another
            one than that of the run in the output folder.
    """
    from selfie3d.core.config import load_config, peek_config, resolved_dict
    from selfie3d.core.errors import InputError
    from selfie3d.core.whole_file import prepare_folder
    from selfie3d.engine.config import check_ranges
    from selfie3d.engine.settings_file import note_settings
    from selfie3d.engine.trainer import Trainer
    from selfie3d.recipes.registry import DEFAULT_RECIPE, find_recipe

    file = find_config(config)
    recipe = find_recipe(peek_config("recipe", DEFAULT_RECIPE, file, overrides))
    resolved = load_config(recipe.config, file, overrides)
    if not resolved.output:
        raise InputError("output", "the folder of the run", "nothing")
    check_ranges(resolved)
    if resolved.engine.threads:
        import torch

        torch.set_num_threads(resolved.engine.threads)
    output, told = Path(resolved.output), resolved_dict(resolved)
    prepare_folder(output)
    changes = note_settings(output, told, accept_changes)
    facts = {"configuration": told} | ({"changes": changes} if changes else {})
    return Trainer(recipe.build(resolved), resolved.engine, output, facts).run()


def find_config(config: str | Path) -> Path:
    """A YAML file, or the shipped one of that name."""
    shipped = Path(__file__).resolve().parent / "configs" / f"{config}.yaml"
    return shipped if not Path(config).is_file() and shipped.is_file() else Path(config)


def main(arguments: Sequence[str]) -> None:
    """Command line of `python train.py`."""
    from selfie3d.core.ending import TerminatedError, terminable
    from selfie3d.core.errors import Selfie3dError

    settings = [text for text in arguments if text != ACCEPT]
    if not settings:
        raise SystemExit(f"usage: python train.py CONFIG [key=value ...] [{ACCEPT}]")
    try:
        with terminable():
            metrics = run_training(settings[0], settings[1:], ACCEPT in arguments)
    except Selfie3dError as error:
        raise SystemExit(f"train.py: {error}") from None
    except TerminatedError as error:
        print(f"train.py: ended by {error}; the same command continues.", file=sys.stderr)
        raise SystemExit(error.status) from None
    if metrics:  # of several processes the first one has them
        print(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
