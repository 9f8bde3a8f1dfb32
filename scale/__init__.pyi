# What others may use: read by lazy_loader and by type checkers; all else is internal.
from .options import BatchOptions as BatchOptions
from .options import BatchRun as BatchRun
from .run import run_batch as run_batch
from .summary import BatchSummary as BatchSummary
