# What others may use: read by lazy_loader and by type checkers; all else is internal.
from .options import BalanceOptions as BalanceOptions
from .options import DrawnOptions as DrawnOptions
from .options import LandmarkSource as LandmarkSource
from .options import Output as Output
from .options import PrepareOptions as PrepareOptions
from .options import SkinSource as SkinSource
from .options import TurnOptions as TurnOptions
from .run import PrepareRun as PrepareRun
from .run import prepare as prepare
