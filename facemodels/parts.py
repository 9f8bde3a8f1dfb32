"""Codes of the parts that a quad of the default model's level-0 mesh can belong to."""

from __future__ import annotations

FACE = 0  # skin of the facial mask
SKIN = 1  # the rest of the head's skin, ears and neck stub
CAVITY = 2  # the pockets behind the eyelids
MOUTH = 3  # the mouth sock
EYE = 4  # the eyeballs
UPPER_TEETH, LOWER_TEETH = 5, 6
UPPER_GUMS, LOWER_GUMS = 7, 8  # with the palate and the floor of the mouth
TONGUE = 9
CAP = 10  # the flat base of the neck
