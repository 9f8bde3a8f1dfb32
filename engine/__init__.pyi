# What others may use: read by lazy_loader and by type checkers; all else is internal.
from .config import EngineConfig as EngineConfig
from .config import OptimizerConfig as OptimizerConfig
from .config import ScheduleConfig as ScheduleConfig
from .config import check_ranges as check_ranges
from .prefetch import Source as Source
from .settings_file import note_settings as note_settings
from .step_timer import Timer as Timer
from .task import Task as Task
from .trainer import Trainer as Trainer
