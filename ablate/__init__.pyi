# What others may use: read by lazy_loader and by type checkers; all else is internal.
from .budget import Budget as Budget
from .budget import read_budget as read_budget
from .faces import OwnFaces as OwnFaces
from .options import AblationOptions as AblationOptions
from .rows import ABLATIONS as ABLATIONS
from .rows import Ablation as Ablation
from .rows import AblationRow as AblationRow
from .run import run_ablation as run_ablation
