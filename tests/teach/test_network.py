import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.light.cache import LightCache
from engine.light.features import SceneFeatures
from engine.light.network import load
from engine.teach.network import SYMMETRIES, IrradianceNetwork, local_sides, mirrored
from engine.teach.scenes import random_sky, scene_from_seed, view_of
from engine.teach.surfaces import face_tangents


@pytest.fixture
def random_network():
    torch.manual_seed(4)
    network = IrradianceNetwork()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.15)
    return network


@pytest.fixture
def faces(rng):
    moments = torch.from_numpy(rng.random((12, 6, 8, 6)).astype(np.float32))
    patch = torch.from_numpy(rng.random((12, 196)).astype(np.float32))
    clearance = torch.from_numpy(rng.normal(size=(12, 6)).astype(np.float32))
    return moments, patch, clearance, torch.from_numpy(rng.normal(size=(12, 3)).astype(np.float32))


def test_a_fresh_network_is_the_classical_interpolation(faces):
    moments, *geometry = faces
    torch.testing.assert_close(IrradianceNetwork()(moments, *geometry), moments[:, 4, :4].sum(1))


def test_light_is_linear(random_network, faces):
    moments, *geometry = faces
    other = moments.flip(0)
    both = random_network(2.0 * moments + 3.0 * other, *geometry)
    parts = 2.0 * random_network(moments, *geometry) + 3.0 * random_network(other, *geometry)
    torch.testing.assert_close(both, parts, rtol=1e-4, atol=1e-5)


def test_local_sides_follow_the_tangents():
    side = np.arange(6, dtype=np.int32)
    u, v = face_tangents(np.column_stack([np.zeros((6, 3), np.int32), side]))
    for i, sides in enumerate(local_sides(side)):
        assert sides[0] == 2 * int(np.argmax(u[i])) and sides[2] == 2 * int(np.argmax(v[i]))
        assert sides[4] == i and sides[5] == i ^ 1
        assert sorted(sides) == list(range(6))


def test_symmetries_are_eight_different_ways_to_see_one_face(faces):
    seen = [torch.cat([part.flatten(1) for part in mirrored(s, *faces)], 1) for s in range(SYMMETRIES)]
    for i in range(SYMMETRIES):
        for j in range(i):
            assert not torch.equal(seen[i], seen[j])
    for bit in (1, 2, 4):  # each is its own inverse
        again = mirrored(bit, *mirrored(bit, *faces))
        for ours, original in zip(again, faces, strict=True):
            torch.testing.assert_close(ours, original)


def test_a_mirrored_world_gives_mirrored_features():
    """The augmentation is what the light engine would see in a world flipped along u of the ground."""
    scene = scene_from_seed(11)
    grid, flipped = scene.voxels, np.ascontiguousarray(scene.voxels[::-1])
    albedo, emission = scene.materials.albedo, scene.materials.emission
    here, there = SceneFeatures(grid, albedo, emission), SceneFeatures(flipped, albedo, emission)
    ours = here.geometry(here.texels)
    theirs = there.geometry(there.texels)
    place = theirs.place.copy()
    place[:, 0] = grid.shape[0] - 1 - place[:, 0]
    key_of = {tuple(row): i for i, row in enumerate(ours.place)}
    top = np.flatnonzero(place[:, 3] == 4)[::37]
    match = np.array([key_of[tuple(row)] for row in place[top]])
    patch = torch.from_numpy(ours.patch[match])
    empty = torch.zeros(len(match), 6, 8, 3)
    _, turned, *_ = mirrored(1, empty, patch, torch.zeros(len(match), 6), torch.zeros(len(match), 3))
    np.testing.assert_allclose(turned.numpy(), theirs.patch[top], atol=1e-6)


def test_the_product_decodes_what_torch_decodes(random_network, tmp_path):
    """Weights through safetensors, latents and kernels of the engine, against moments and torch: the same light."""
    path = tmp_path / "random.safetensors"
    save_file({k: v.detach().contiguous() for k, v in random_network.state_dict().items()}, path)
    scene = scene_from_seed(11)
    sky = random_sky(np.random.default_rng(5), 0.6)
    view = view_of(scene.voxels, scene.materials, scene.lamps, sky)
    features = SceneFeatures(scene.voxels, scene.materials.albedo, scene.materials.emission)
    texels = features.texels[:: len(features.texels) // 400]
    geometry = features.geometry(texels)
    moments = features.moments(sky, scene.lamps)
    sides = local_sides(geometry.place[:, 3])
    mean = (moments[geometry.index[:, :, None], sides[:, None]] * geometry.weight[:, :, None, None, None]).sum(1)
    with torch.no_grad():
        expected = random_network(
            *(torch.from_numpy(a) for a in (mean, geometry.patch, geometry.clearance, geometry.offset))
        )
    cache = LightCache(load(path))
    cache.update(view)
    indirect, _ = cache.decode_texels(texels.astype(np.int32))
    scale = np.abs(expected.numpy()).mean()
    np.testing.assert_allclose(indirect, expected.numpy(), rtol=2e-3, atol=2e-3 * scale)
    assert scale > 0.01
