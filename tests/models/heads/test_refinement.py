"""The second look: quiet at first, local, and able to find what lies beside a first guess."""

from __future__ import annotations

import torch
from selfie3d.models.heads.points import PointPrediction
from selfie3d.models.heads.refinement import PointRefinement

POINTS, SIDE = 6, 28


def first_look(places):
    count = len(places)
    points = torch.cat([places, torch.zeros(count, POINTS, 1)], 2)
    scales, seen = torch.full((count, POINTS), -2.5), torch.zeros(count, POINTS)
    return PointPrediction(points, scales, torch.zeros(count, 3), seen)


def spots(places):
    """(B,1,28,28): a spot at every place (B,N,2) of the crop."""
    axis = (2 * torch.arange(SIDE) + 1) / SIDE - 1
    x = (axis - places[..., :1]).square()  # (B,N,28)
    y = (axis - places[..., 1:]).square()
    return (-(y[..., :, None] + x[..., None, :]) / 0.02).exp().sum(1, keepdim=True)


def test_it_corrects_nothing_at_first():
    refine = PointRefinement([1, 4], POINTS, 8)
    first = first_look(torch.rand(2, POINTS, 2) - 0.5)
    out = refine([torch.rand(2, 1, SIDE, SIDE), torch.rand(2, 4, 14, 14)], first)
    for found, given in zip(out[:4], first[:4], strict=True):
        torch.testing.assert_close(found, given)


def test_a_point_reads_what_lies_around_it_and_no_more():
    torch.manual_seed(0)
    refine = PointRefinement([1], POINTS, 8).eval()
    torch.nn.init.normal_(refine.answer)
    first = first_look(torch.tensor([[[0.5, -0.5]] + [[-0.5, 0.5]] * (POINTS - 1)]))
    empty = torch.zeros(1, 1, SIDE, SIDE)
    changed = empty.clone()
    changed[0, 0, SIDE // 4, 3 * SIDE // 4] = 5.0  # row and column of (0.5, -0.5)
    before, after = refine([empty], first), refine([changed], first)
    moved = (after.points - before.points)[0].abs().sum(1)
    assert moved[0] > 0.01
    assert moved[1:].max() == 0


def test_it_finds_spots_beside_the_first_guess():
    """Each of six spots is 0.1 away on average; without maps nothing could be known of it."""
    torch.manual_seed(0)
    refine = PointRefinement([1], POINTS, 16)
    optimizer = torch.optim.Adam(refine.parameters(), 3e-3)
    grid = torch.tensor([[-0.6, -0.4], [0, -0.4], [0.6, -0.4], [-0.6, 0.4], [0, 0.4], [0.6, 0.4]])

    def error():
        truth = grid + 0.08 * torch.randn(32, POINTS, 2)
        first = first_look(grid.expand(32, -1, -1))
        out = refine([spots(truth)], first)
        return (out.points[..., :2] - truth).norm(dim=2).mean()

    for _ in range(150):
        optimizer.zero_grad()
        error().backward()
        optimizer.step()
    refine.eval()
    with torch.no_grad():
        assert float(error()) < 0.03
