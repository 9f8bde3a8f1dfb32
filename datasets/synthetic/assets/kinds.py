"""What an asset is, by its folder, its name and its tags."""

from __future__ import annotations

import re
from collections.abc import Iterable

KINDS = (
    "hair", "eyebrows", "eyelashes", "beards", "teeth", "tongue", "clothes", "hats", "glasses",
)  # fmt: skip

_FOLDERS = {kind: kind for kind in KINDS} | {
    "beard": "beards", "bodyparts": "clothes", "hat": "hats", "brows": "eyebrows",
    "lashes": "eyelashes",
}  # fmt: skip
_OTHER_FOLDERS = {
    "eyes", "skins", "proxymeshes", "rigs", "poses", "expressions", "targets", "modifiers",
    "litspheres", "ethnicities", "genitals",
}  # fmt: skip
_WORDS = {
    "beards": "beard beards mustache mustaches moustache moustaches goatee sideburns stubble",
    "glasses": "glasses sunglasses eyeglasses spectacles goggles monocle eyewear",
    "hats": "hat hats cap caps fedora beanie helmet helmets beret bonnet turban headwear headgear "
    "tophat bowler sombrero",
}
_ANY_KIND = ("clothes", "hats", "glasses", "beards")
SIDES = {
    "hair": 1024, "beards": 1024, "clothes": 512, "hats": 512, "glasses": 512, "teeth": 512,
    "tongue": 256, "eyebrows": 256, "eyelashes": 256,
}  # fmt: skip
"""Pixels along the longer side of a picture, at most."""

CARDS = ("hair", "beards", "eyebrows", "eyelashes")
"""Kinds made of strands painted on strips: their alpha counts, whatever the material says."""

PICTURED = ("beards", "eyebrows", "eyelashes", "teeth", "tongue")
"""Kinds that are nothing without their picture."""


def kind_of(folders: Iterable[str], texts: Iterable[str]) -> str | None:
    """One of `KINDS`, or None for what a picture of a head does not show.

    Args:
        folders: names of the folders that hold it, the nearest first.
        texts: its names and tags.
    """
    for folder in (name.lower() for name in folders):
        if folder in _OTHER_FOLDERS:
            return None
        kind = re.sub(r"\d+$", "", folder)
        if kind in _FOLDERS:
            folder_kind = _FOLDERS[kind]
            return _by_words(texts, folder_kind) if folder_kind in _ANY_KIND else folder_kind
    return None


def sex_of(texts: Iterable[str]) -> str | None:
    """ "female", "male", or None where the names and tags say neither or both."""
    words = _words(texts)
    said = {
        sex
        for sex, names in (("female", {"female", "woman", "women"}), ("male", {"male", "man"}))
        if names & words
    }
    return said.pop() if len(said) == 1 else None


def _by_words(texts: Iterable[str], otherwise: str) -> str:
    words = _words(texts)
    for kind, names in _WORDS.items():
        if words & set(names.split()):
            return kind
    return otherwise


def _words(texts: Iterable[str]) -> set[str]:
    """Words in lower case; a new one starts at a capital, digits belong to none."""
    parted = (re.sub(r"([a-z])([A-Z])", r"\1 \2", text) for text in texts)
    return {word.lower() for text in parted for word in re.findall(r"[A-Za-z]+", text)}
