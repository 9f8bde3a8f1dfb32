# What others may use: read by lazy_loader and by type checkers; all else is internal.
from .boxes import suppressed as suppressed
from .detectors import FACE_DETECTORS as FACE_DETECTORS
from .detectors import get_face_detector as get_face_detector
from .drawn_network import FaceFinder as FaceFinder
from .drawn_network import FinderOptions as FinderOptions
from .drawn_network import FinderOutput as FinderOutput
from .drawn_network import cell_centres as cell_centres
from .drawn_network import load_finder as load_finder
from .drawn_network import pack_finder as pack_finder
from .face import Face as Face
from .face import FaceDetector as FaceDetector
from .face import check_photograph as check_photograph
from .names import DetectorName as DetectorName
from .skin import skin_mask as skin_mask
from .why_none import likely_cause as likely_cause
