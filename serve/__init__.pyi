# What others may use: read by lazy_loader and by type checkers; all else is internal.
from .app import make_app as make_app
from .limits import ServeLimits as ServeLimits
from .run import run_server as run_server
