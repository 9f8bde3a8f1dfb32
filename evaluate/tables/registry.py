"""The papers' tables by the names of their systems."""

from __future__ import annotations

from ...core.registry import Registry
from .design import PaperTable
from .face_alignment import csanet_tables, mobdensenet_tables
from .mlanet import mlanet_tables
from .mobile_facernet import mobile_facernet_tables
from .sadrnet import sadrnet_tables

TABLES: Registry[tuple[PaperTable, ...]] = Registry("paper")
"""Entries give a paper's tables."""

TABLES.register("csanet")(csanet_tables)
TABLES.register("mlanet")(mlanet_tables)
TABLES.register("mobdensenet")(mobdensenet_tables)
TABLES.register("mobile-facernet")(mobile_facernet_tables)
TABLES.register("sadrnet")(sadrnet_tables)
