import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.light.cache import LightCache
from engine.light.decode import LEAK as PLAYED_LEAK
from engine.light.features import SceneFeatures
from engine.light.gather import BINS as PLAYED_BINS
from engine.light.network import HIDDEN as PLAYED_HIDDEN
from engine.light.network import SHAPES, load
from engine.teach.network import BINS, FIRST_GUESS, HIDDEN, LEAK, LEAST_TAKEN, WIDTHS, IrradianceNetwork
from engine.teach.scenes import random_sky, scene_from_seed, view_of


@pytest.fixture
def random_network():
    torch.manual_seed(4)
    network = IrradianceNetwork()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.3)
    return network


@pytest.fixture
def faces(rng):
    """(moment [12, 3, 4, 6], share [12, 3, 4])."""
    moment = torch.from_numpy(rng.random((12, WIDTHS, BINS, 6)).astype(np.float32))
    return moment, torch.from_numpy(rng.dirichlet(np.ones(BINS), (12, WIDTHS)).astype(np.float32))


def saved(network, path):
    save_file({k: v.detach().contiguous() for k, v in network.state_dict().items()}, path)
    return load(path)


def test_what_is_taught_has_the_shapes_of_what_is_played():
    assert {name: tuple(value.shape) for name, value in IrradianceNetwork().state_dict().items()} == SHAPES
    assert (PLAYED_BINS, PLAYED_HIDDEN, pytest.approx(float(PLAYED_LEAK))) == (BINS, HIDDEN, LEAK)


def test_a_fresh_network_takes_each_distance_once(faces):
    """Near light from the face's own rays, far light from the 5 x 5: whatever the geometry, all light is taken once."""
    moment, share = faces
    guess = torch.tensor(FIRST_GUESS).view(WIDTHS, BINS)
    torch.testing.assert_close(guess.sum(0), torch.ones(BINS))
    expected = moment[:, 0, :2].sum(1) + moment[:, 1, 2] + moment[:, 2, 3]
    expected /= (share[:, 0, :2].sum(1) + share[:, 1, 2] + share[:, 2, 3])[:, None].clamp(min=LEAST_TAKEN)
    torch.testing.assert_close(IrradianceNetwork()(moment, share), expected)


def test_no_network_makes_light_or_loses_it(random_network, faces):
    """Light that is the same from everywhere stays what it is."""
    _, share = faces
    with torch.no_grad():
        random_network.out.bias += 2.0  # so that some light is taken from every face
    even = share[..., None].repeat(1, 1, 1, 3)
    torch.testing.assert_close(random_network(even, share), torch.ones(len(share), 3))


def test_light_is_linear(random_network, faces):
    moment, share = faces
    other = moment.flip(0)
    both = random_network(2.0 * moment + 3.0 * other, share)
    parts = 2.0 * random_network(moment, share) + 3.0 * random_network(other, share)
    torch.testing.assert_close(both, parts, rtol=1e-4, atol=1e-5)
    assert not random_network(0 * moment, share).any(), "no light in, no light out"


def test_sources_and_colours_do_not_mix(random_network, faces):
    moment, share = faces
    dark = moment.clone()
    dark[..., 3] = 0
    lit, unlit = random_network(moment, share), random_network(dark, share)
    torch.testing.assert_close(unlit[:, [0, 1, 2, 4, 5]], lit[:, [0, 1, 2, 4, 5]])
    assert not unlit[:, 3].any()


def test_torch_numpy_and_kernels_are_one_network(random_network, faces, tmp_path):
    """Gains of torch, read off by unit light in one bin at a time, against those of the numpy definition."""
    _, share = faces
    numpy_network = saved(random_network, tmp_path / "random.safetensors")
    unit = torch.eye(WIDTHS * BINS).view(WIDTHS, BINS, WIDTHS * BINS).expand(len(share), -1, -1, -1)
    with torch.no_grad():
        gain = random_network(unit, share).numpy()
    own, near, wide = share.numpy().transpose(1, 0, 2)
    np.testing.assert_allclose(numpy_network.gains(own, near, wide), gain, rtol=1e-4, atol=1e-5)


def test_the_product_decodes_what_torch_decodes(random_network, tmp_path):
    """Weights through safetensors, rays and kernels of the engine, against the lessons' features and torch."""
    scene = scene_from_seed(11)
    sky = random_sky(np.random.default_rng(5), 0.6)
    view = view_of(scene.voxels, scene.materials, scene.lamps, sky)
    features = SceneFeatures(scene.voxels, scene.materials.albedo, scene.materials.emission)
    texels = features.texels[:: len(features.texels) // 400]
    share = features.look_from(texels)
    gathered = features.gather(sky, scene.lamps)
    with torch.no_grad():
        expected = random_network(torch.from_numpy(gathered.moment), torch.from_numpy(share)).numpy()
    cache = LightCache(saved(random_network, tmp_path / "random.safetensors"))
    cache.update(view)
    indirect, _ = cache.decode_texels(texels.astype(np.int32))
    scale = np.abs(expected).mean()
    np.testing.assert_allclose(indirect, expected, rtol=2e-3, atol=2e-3 * scale)
    assert scale > 0.01
