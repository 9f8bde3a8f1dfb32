"""Recipes by name: what a configuration file says it is for.

A recipe is one module `recipes/NAME/recipe.py` that registers itself:

    @RECIPES.register("faces")
    def _faces() -> Recipe:
        return Recipe(TrainConfig, build_task)
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..core.registry import Registry
from ..engine.task import Task

DEFAULT_RECIPE = "dense-points"


@dataclass(frozen=True)
class Recipe:
    """How a configuration becomes a task.

    >>> recipe = find_recipe("tddfa")
    >>> recipe.config().recipe, recipe.build.__name__
    ('tddfa', 'build_tddfa_task')

    Attributes:
        config: the type of its configurations, a frozen dataclass with at least `recipe: str`,
            `output: str` and `engine: EngineConfig`.
        build: makes the task of such a configuration, its data opened.
    """

    config: type[Any]
    build: Callable[[Any], Task]


RECIPES: Registry[Recipe] = Registry("recipe")


def find_recipe(name: str) -> Recipe:
    """The recipe of a name; the recipes' modules are imported until one has registered it.

    Raises:
        UnknownNameError: there is no such recipe.

    Example:
        >>> recipe = find_recipe("tddfa")
        >>> recipe.config().network.name
        'csanet'
    """
    for module in _modules():
        if name in RECIPES:
            break
        import_module(module)
    return RECIPES.create(name)


def recipe_names() -> list[str]:
    """The names of all recipes, sorted.

    Example:
        >>> recipe_names()
        ['dense-points', 'detector', 'faces', 'tddfa', 'uv']
    """
    for module in _modules():
        import_module(module)
    return RECIPES.names()


def _modules() -> list[str]:
    package = __name__.rpartition(".")[0]
    rooms = (room for room in pkgutil.iter_modules([str(Path(__file__).parent)]) if room.ispkg)
    return [f"{package}.{room.name}.recipe" for room in rooms]
