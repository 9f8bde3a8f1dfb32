"""How well each preset's estimator of the geometric error follows the true error.

python benchmarks/estimators.py [--pairs 200] [--seed 0] [--out table.md]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from selfie3d.evaluate.correlation import (
    ESTIMATORS,
    KINDS,
    MIDDLE,
    agreements,
    make_pairs,
    score_pairs,
)
from selfie3d.facemodels import load_face_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    pairs = list(make_pairs(load_face_model(), given.pairs, given.seed))
    kinds = [pair.kind for pair in pairs]
    true, found = score_pairs(pairs)
    rows = {(a.estimator, a.kind): a for a in agreements(kinds, true, found)}
    columns = ("all", *KINDS, MIDDLE)
    lines = [
        f"{given.pairs} pairs, seed {given.seed}; true error {true.mean():.2f} mm "
        f"({true.min():.2f} to {true.max():.2f}). Pearson correlation with the true error "
        "(in brackets Spearman's), median of estimate / truth, failed pairs.",
        "",
        "| estimator | " + " | ".join(columns) + " | estimate / truth | failed |",
        "|---|" + "---|" * (len(columns) + 2),
    ]
    for name in ESTIMATORS:
        cells = [f"{rows[name, k].pearson:.2f} ({rows[name, k].spearman:.2f})" for k in columns]
        whole = rows[name, "all"]
        lines.append(
            f"| `{name}` | " + " | ".join(cells) + f" | {whole.ratio:.2f} | {whole.failed} |"
        )
    text = "\n".join(lines)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
