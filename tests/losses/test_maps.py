from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.losses.uv_maps import SADRNET_REGIONS, map_distance, region_weights


def maps() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 2, 3, 6, 5, generator=generator, dtype=torch.float64)
    mask = torch.rand(6, 5, generator=generator) > 0.4
    weights = torch.tensor([0.0, 3, 12, 16])[torch.randint(4, (6, 5), generator=generator)]
    return a, b, mask, weights.double()


def test_against_a_loop_and_the_codes_mean():
    a, b, mask, weights = maps()
    own = map_distance(a, b, mask, weights)
    for n in range(2):
        total = 0.0
        for y, x in np.ndindex(6, 5):
            gap = (a[n, :, y, x] - b[n, :, y, x]).numpy()
            total += np.linalg.norm(gap) * float(weights[y, x]) * bool(mask[y, x])
        assert float(own[n]) == pytest.approx(total / int(mask.sum()))
    # As SADRNet's code: the mean over the map, times texels of the map per texel of the face.
    distance = (a - b).square().sum(1).sqrt() * weights * mask * (30 / mask.sum())
    torch.testing.assert_close(own.mean(), distance.mean())


def test_gradient_also_at_equal_maps_and_an_empty_mask():
    a, b, mask, weights = maps()
    a.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: map_distance(x, b, mask, weights), a)
    for other, where in ((a.detach(), mask), (b, torch.zeros_like(mask))):
        loss = map_distance(a, other, where, weights)
        (gradient,) = torch.autograd.grad(loss.sum(), a)
        assert float(loss.detach().abs().max()) == 0
        assert torch.equal(gradient, torch.zeros_like(a))


def test_region_weights_later_wins():
    skin = torch.tensor([True, True, True, True, True, False])
    none = torch.zeros(6, dtype=torch.bool)
    regions = {
        "skin": skin,
        "eyes": none,
        "nose": none.clone(),
        "mouth": none,
        "neck": none.clone(),
    }
    regions["nose"][1:3] = True
    regions["neck"][4] = True
    regions["landmarks"] = torch.tensor([False, False, True, True, False, False])
    assert region_weights(regions, SADRNET_REGIONS).tolist() == [3, 12, 16, 16, 0, 0]


def test_sadrnets_own_mask():
    """The picture of PRNet that its code divides: values 255, 192, 48 and 0 of a 256 map."""
    picture = torch.tensor([[255.0, 64.0], [48.0, 0.0]])
    as_coded = torch.where(picture == 255, 256.0, picture) / 16
    as_coded[as_coded == 4] = 12
    regions = {
        "landmarks": picture == 255,
        "nose": picture == 64,
        "skin": picture == 48,
        "neck": picture == 0,
    }
    weights = [pair for pair in SADRNET_REGIONS if pair[0] in regions]
    assert torch.equal(region_weights(regions, weights), as_coded)


def test_wrong_input():
    a, b, mask, weights = maps()
    with pytest.raises(InputError, match="target"):
        map_distance(a, b[:1], mask, weights)
    with pytest.raises(InputError, match="mask"):
        map_distance(a, b, mask.expand(2, 1, 6, 5), weights)
    with pytest.raises(InputError, match="weights"):
        map_distance(a, b, mask, weights[:1])
    with pytest.raises(UnknownNameError, match="nose"):
        region_weights({"nose": mask}, [("nos", 1.0)])
    with pytest.raises(InputError, match="region 'b'"):
        region_weights({"a": mask, "b": mask[:1]}, [("a", 1.0), ("b", 1.0)])
    with pytest.raises(InputError, match="regions"):
        region_weights({}, [])
