"""Whether identity coefficients tell two photographs of one person from those of two people.

    python benchmarks/identity_pairs.py PEOPLE [--weights default]

PEOPLE holds a folder of photographs for each person; the largest face of each photograph counts.
Printed is the area under the ROC curve (AUC): the probability that a pair of one person is more
alike than a pair of two, by the cosine of identity coefficients, by their distance, and by the
distance of the neutral faces' vertices in mm; and the mean norm of the coefficients, which of
people is about the square root of their number.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from selfie3d import Reconstructor
from selfie3d.core.image_file import list_images, read_image
from selfie3d.core.progress import progress_bar
from selfie3d.pipeline.options import ReconstructOptions
from torch import Tensor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("--weights", default="default")
    given = parser.parse_args()
    torch.set_num_threads(1)
    maker = Reconstructor(ReconstructOptions(weights=given.weights, max_faces=1))
    names, codes = read(maker, given.people)
    neutral = torch.einsum("bk,kvc->bvc", codes, maker.model.identity)
    alike = {
        "cosine of coefficients": normalised(codes) @ normalised(codes).T,
        "distance of coefficients": -torch.cdist(codes, codes),
        "distance of neutral faces": -torch.cdist(neutral.flatten(1), neutral.flatten(1)),
    }
    print(f"{len(names)} photographs of {len(set(names))} people, weights {given.weights}")
    for name, matrix in alike.items():
        same, other = pairs(names, matrix)
        print(f"{name:26} AUC {auc(same, other):.3f} ({len(same)} pairs, {len(other)} of two)")
    print(f"norm of coefficients {float(codes.norm(dim=1).mean()):.2f}")


def normalised(codes: Tensor) -> Tensor:
    return torch.nn.functional.normalize(codes)


def read(maker: Reconstructor, people: Path) -> tuple[list[str], Tensor]:
    """Whom each photograph shows, and its identity coefficients (N,K)."""
    photographs = [
        (folder.name, path)
        for folder in sorted(p for p in people.iterdir() if p.is_dir())
        for path in list_images([folder])
    ]
    codes = []
    with progress_bar("Reading faces", len(photographs)) as advance:
        for _, path in photographs:
            picture = read_image(path)
            face = maker.regress([(picture, maker.detect(picture)[0])])[0]
            codes.append(face.coefficients.identity[0])
            advance()
    return [name for name, _ in photographs], torch.stack(codes)


def pairs(names: list[str], alike: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """How alike pairs of one person are, and pairs of two."""
    same, other = [], []
    for i, j in combinations(range(len(names)), 2):
        (same if names[i] == names[j] else other).append(float(alike[i, j]))
    return np.array(same), np.array(other)


def auc(same: np.ndarray, other: np.ndarray) -> float:
    """The share of (same, other) in which the first is larger; ties count half."""
    above, equal = same[:, None] > other, same[:, None] == other
    return float((above + 0.5 * equal).mean())


if __name__ == "__main__":
    main()
