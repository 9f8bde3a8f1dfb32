"""The same result at any number of threads; concurrent callers; use after a fork."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from selfie3d.render.back_ends import get_rasterizer
from selfie3d.render.cpu import checks as threads

RASTERIZER = get_rasterizer("cpu")


@pytest.fixture(autouse=True)
def _restore_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def work(pos, tri, size: int = 48):
    """Everything there is, forward and backward; a shared attribute and texture."""
    generator = torch.Generator().manual_seed(0)
    attr = torch.rand(1, pos.shape[1], 2, generator=generator).requires_grad_()
    tex = torch.rand(1, 9, 8, 3, generator=generator).requires_grad_()
    pos = pos.clone().requires_grad_()
    rast = RASTERIZER.rasterize(pos, tri, (size, size))
    color = RASTERIZER.texture(tex, RASTERIZER.interpolate(attr, rast, tri))
    out = RASTERIZER.antialias(color, rast, pos, tri)
    out.square().sum().backward()
    return [rast.buffer.detach(), out.detach(), pos.grad, attr.grad, tex.grad]


def views(meshes, batch: int = 7):
    pos, tri = meshes.bumpy_ball(20, 30)
    shift = torch.linspace(-0.3, 0.3, batch)[:, None, None]
    return (pos * torch.tensor([1.0, 1, 1, 0]) + shift) * 0.5 + pos * 0.5, tri


def equal(first, second) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_bit_for_bit_the_same_at_any_number_of_threads(meshes) -> None:
    pos, tri = views(meshes)
    results = []
    for count in (1, 1, 2, 3, 5):
        torch.set_num_threads(count)
        results.append(work(pos, tri))
    assert all(equal(results[0], other) for other in results[1:])
    assert results[0][2].abs().sum() > 0


def test_concurrent_callers(meshes) -> None:
    pos, tri = views(meshes)
    torch.set_num_threads(2)
    expected = work(pos, tri)
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: work(pos, tri), range(12)))
    assert all(equal(expected, result) for result in results)


def _in_child(queue, pos, tri) -> None:
    torch.set_num_threads(2)
    with torch.no_grad():
        queue.put(float(RASTERIZER.rasterize(pos, tri, (32, 32)).buffer.double().sum()))


def test_fork_after_use_does_not_hang(meshes) -> None:
    pos, tri = views(meshes)
    torch.set_num_threads(2)
    expected = float(RASTERIZER.rasterize(pos, tri, (32, 32)).buffer.double().sum())
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(queue, pos, tri))
    child.start()
    child.join(30)
    if child.is_alive():
        child.kill()
        pytest.fail("the child hangs")
    assert child.exitcode == 0 and queue.get() == expected


def test_slices_cover_the_batch_once(monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    threads.run_slices(lambda *a: calls.append(a), 8, "x")
    assert sorted(calls) == [("x", 0, 2), ("x", 2, 5), ("x", 5, 8)]
    calls.clear()
    threads.run_slices(lambda *a: calls.append(a), 2)
    assert calls == [(0, 2)]


def test_an_error_in_a_slice_reaches_the_caller(monkeypatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)

    def fail(first: int, last: int) -> None:
        if first > 0:
            raise ArithmeticError("in a worker")

    with pytest.raises(ArithmeticError):
        threads.run_slices(fail, 8)
