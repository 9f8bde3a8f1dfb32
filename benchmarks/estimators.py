"""How well each preset's estimator of the geometric error follows the true error.

python benchmarks/estimators.py [--pairs 200] [--seed 0] [--out table.md]

What is done lies in table.npz beside the table, so that a stopped run goes on; about ten seconds a
pair.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from estimator_pairs import (
    ESTIMATORS,
    KINDS,
    MIDDLE,
    FacePair,
    agreements,
    make_pairs,
    score_pairs,
)
from selfie3d.facemodels import load_face_model

_PART = 10  # pairs between two writings


def score_in_parts(
    pairs: list[FacePair], seed: int, state: Path | None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """As `score_pairs`, going on with what `state` holds of the same seed and estimators."""
    columns = ["true", *ESTIMATORS]
    done = np.zeros((0, len(columns)))
    if state is not None and state.is_file():
        with np.load(state) as file:
            if int(file["seed"]) == seed and file["columns"].tolist() == columns:
                done = file["values"][: len(pairs)]
    for start in range(len(done), len(pairs), _PART):
        true, found = score_pairs(pairs[start : start + _PART])
        done = np.concatenate([done, np.stack([true, *found.values()], 1)])
        if state is not None:
            np.savez(state, seed=seed, columns=columns, values=done)
    return done[:, 0], dict(zip(ESTIMATORS, done[:, 1:].T, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    pairs = list(make_pairs(load_face_model(), given.pairs, given.seed))
    kinds = [pair.kind for pair in pairs]
    state = None if given.out is None else given.out.with_suffix(".npz")
    true, found = score_in_parts(pairs, given.seed, state)
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
