# What others may use: read by lazy_loader and by type checkers; all else is internal.
from .registry import RECIPES as RECIPES
from .registry import Recipe as Recipe
from .registry import find_recipe as find_recipe
from .registry import recipe_names as recipe_names
