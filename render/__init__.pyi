# What others may use: read by lazy_loader and by type checkers; all else is internal.
from .back_ends import RASTERIZERS as RASTERIZERS
from .back_ends import choose as choose
from .back_ends import get_rasterizer as get_rasterizer
from .cpu.jit import inline as inline
from .cpu.jit import kernel as kernel
from .face import FaceRenderer as FaceRenderer
from .face import Rendering as Rendering
from .overlay import Picture as Picture
from .overlay import contact_sheet as contact_sheet
from .overlay import draw_landmarks as draw_landmarks
from .overlay import resize as resize
from .overlay import strip as strip
from .overlay import to_image as to_image
from .overlay import to_picture as to_picture
from .pncc import PnccRenderer as PnccRenderer
from .rasterizer import Fragments as Fragments
from .rasterizer import Rasterizer as Rasterizer
