from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.evaluate.metrics.images import global_ssim, l1_error, mean_ssim, psnr
from selfie3d.losses.ssim import ssim_global

METRICS = [l1_error, psnr, mean_ssim, global_ssim]


@pytest.fixture
def images() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Photographs of 8 bits, their renderings and masks."""
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (4, 3, 20, 18))
    render = np.clip(photo + random.integers(-30, 31, photo.shape), 0, 255)
    mask = torch.from_numpy(random.random((4, 1, 20, 18)) > 0.3)
    return torch.from_numpy(render) / 255.0, torch.from_numpy(photo) / 255.0, mask


def test_l1_and_psnr_against_8_bit_arithmetic(images):
    render, photo, mask = images
    for n in range(4):
        seen = mask[n, 0].numpy()
        gap = [255 * (render[n, c] - photo[n, c]).double().numpy()[seen] for c in range(3)]
        gap = np.concatenate(gap)
        assert float(l1_error(*images)[n]) == pytest.approx(np.abs(gap).mean() / 255, rel=1e-5)
        wanted = 10 * np.log10(255**2 / np.mean(gap**2))
        assert float(psnr(*images)[n]) == pytest.approx(wanted, abs=1e-3)


def test_the_metric_is_the_losses_formula(images):
    render, photo, mask = images
    torch.testing.assert_close(global_ssim(*images), ssim_global(render, photo, mask).mean(1))


@pytest.mark.parametrize("metric", METRICS)
def test_exact_under_batching(metric, images):
    whole = metric(*images)
    each = torch.cat([metric(*(x[n : n + 1] for x in images)) for n in range(4)])
    torch.testing.assert_close(each, whole, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_nothing_to_see_is_a_failure_and_no_score(metric, images):
    render, photo, mask = images
    mask = mask.clone()
    mask[2] = False
    result = metric(render, photo, mask)
    assert result.isnan().tolist() == [False, False, True, False]


@pytest.mark.parametrize("metric", METRICS)
def test_nan_in_a_rendering_is_a_failure(metric, images):
    render, photo, mask = images
    render = render.clone()
    render[1, 0][mask[1, 0]] = torch.nan
    assert metric(render, photo, mask).isnan().tolist() == [False, True, False, False]


def test_equal_images(images):
    _, photo, mask = images
    assert l1_error(photo, photo, mask).tolist() == [0.0] * 4
    assert psnr(photo, photo, mask).tolist() == [float("inf")] * 4
    torch.testing.assert_close(mean_ssim(photo, photo, mask), torch.ones(4))


def test_refuses_unequal_shapes(images):
    render, photo, mask = images
    with pytest.raises(InputError, match="target"):
        l1_error(render, photo[:1], mask)
    with pytest.raises(InputError, match="mask"):
        psnr(render, photo, mask[:, :, :5])
