"""Rows of the papers' ablations, and of tables that no protocol shows beside its own figures."""

from __future__ import annotations

MLANET_ABLATION: dict[str, tuple[float, tuple[float, float]]] = {
    "without HSCA, PAF": (3.62, (1.68, 0.54)),
    "without HSCA": (3.51, (1.67, 0.45)),
    "without PAF": (3.56, (1.67, 0.58)),
    "MLANet": (3.41, (1.66, 0.50)),
}
"""MLANet's Table 3, printed a second time as Table 4: NME on AFLW2000-3D, %, and RMSE on MICC, mm,
with its deviation."""

SADRNET_ABLATION: dict[str, tuple[float, float, float, float, float]] = {
    "position map alone": (3.31, 4.74, 3.10, 4.33, 4.07),
    "deformation": (3.43, 4.94, 3.21, 4.50, 3.37),
    "self-alignment, deformation": (3.18, 4.51, 3.03, 4.17, 3.39),
    "attention": (3.16, 4.53, 3.03, 4.21, 4.02),
    "attention, self-alignment": (3.24, 4.59, 3.14, 4.31, 3.49),
    "attention, self-alignment, deformation": (3.05, 4.33, 2.93, 4.02, 3.25),
}
"""SADRNet's Table IV: 68 points in 2D, in 3D, dense in 2D, in 3D, reconstruction; %."""

SADRNET_REC_BINS: dict[str, tuple[float, float, float]] = {
    "PRNet": (3.72, 4.04, 4.45),
    "SADRNet": (3.17, 3.42, 3.38),
}
"""SADRNet's Table II, AFLW2000-3D by |yaw|; means are in `SADRNET_MEANS`."""
SADRNET_REC_NOTES = {
    "PRNet": "the weighted mean of its bins is 3.89",
    "SADRNet": "60 to 90 is what the mean implies, the entry being illegible",
}

FACERNET_NETWORKS: dict[str, tuple[float, float, float]] = {
    "ResNet50": (26, 4.179, 5.471),
    "MobileNetV2": (9, 4.165, 5.540),
    "DenseNet": (18, 4.087, 5.286),
    "Mobile-FaceRNet without attention": (8, 3.936, 5.201),
    "Mobile-FaceRNet": (9, 3.828, 4.904),
}
"""Mobile-FaceRNet's Table 4: hours, mean NME on AFLW2000-3D and on AFLW-LFPA, %; parameters and
MACs are among `complexity.PUBLISHED`."""
FACERNET_NETWORK_NOTES = {
    "ResNet50": "DAMDNet's ResNeXt50; the last column is its AFLW, 21 points",
    "MobileNetV2": "DAMDNet's row; the last column is its AFLW, 21 points",
    "DenseNet": "DAMDNet's DenseNet121; the last column is its AFLW, 21 points",
    "Mobile-FaceRNet": "Table 2 has 3.34 on AFLW-LFPA for the same network",
}

R3FA_TIMES: dict[str, tuple[float, float]] = {
    "ResNeXt50": (0.799, 2.012),
    "MobileNetV2": (0.316, 0.956),
    "DenseNet121": (0.684, 2.221),
    "MobDenseNet": (0.395, 1.024),
}
"""R3FA's Table 2: ms per picture on AFLW and AFLW2000-3D, in batches on a 1080 Ti."""
