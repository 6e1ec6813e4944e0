from dataclasses import replace

import numpy as np
import pytest

from engine.core.errors import OutputError
from engine.teach import reference as module
from engine.teach import teacher
from engine.teach.reference import cleaned, denoised, reference, rival
from engine.teach.teacher import Picture
from tests.teach.views_for_tests import tiny_view

SIZE = (8, 8)


@pytest.fixture
def view():
    return tiny_view()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A cache folder of its own."""
    monkeypatch.setattr(module, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    return tmp_path / "cache"


@pytest.fixture
def asked(kept, monkeypatch):
    """What the teacher was asked for: (samples, seed); it answers with pictures as bright as their seed."""
    questions = []

    def picture(view, size_px, spp, seed=0, timed=False, exact=False):
        assert timed == (seed >= module.RIVAL_SEED) and exact != timed
        questions.append((spp, seed))
        shape = (size_px[1], size_px[0], 3)
        grey = np.full(shape, seed, np.float32)
        return Picture(grey, grey, grey, grey, grey[..., 0], 0.5 * spp, 0.0, grey if exact else None)

    monkeypatch.setattr(teacher, "picture", picture)
    monkeypatch.setattr(module, "denoised", lambda picture: picture)
    monkeypatch.setattr(module, "cleaned", lambda picture: picture)
    monkeypatch.setattr(module, "CHUNK_SPP", 4)
    return questions


def test_a_reference_grows_by_what_is_missing(view, asked):
    told = []
    first = reference(view, SIZE, 6, told.append)
    assert asked == [(4, 0), (2, 1)] and told == [0, 4, 6]
    np.testing.assert_allclose(first.picture.radiance, 2 / 6)
    assert first.spp == 6 and first.picture.trace_s == 3.0
    more = reference(view, SIZE, 12, told.append)
    assert asked[2:] == [(4, 2), (2, 3)] and told[3:] == [6, 10, 12]
    np.testing.assert_allclose(more.picture.radiance, (0 * 4 + 1 * 2 + 2 * 4 + 3 * 2) / 12, rtol=1e-6)
    assert reference(view, SIZE, 5).spp == 12 and len(asked) == 4  # more than was asked for is no harm
    assert reference(view, (4, 4), 1).spp == 1  # another size is another picture


def test_a_broken_run_goes_on_where_it_stopped(view, asked):
    def stop(spp):
        if spp == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reference(view, SIZE, 16, stop)
    reference(view, SIZE, 16)
    assert asked == [(4, k) for k in range(4)]


def test_a_slower_run_does_not_take_samples_away(view, asked):
    def other_run(spp):
        if spp == 4 and len(asked) == 1:
            reference(view, SIZE, 16)

    assert reference(view, SIZE, 8, other_run).spp == 8
    assert reference(view, SIZE, 8).spp == 16


def test_a_rival_has_the_samples_asked_for_and_its_own_chance(view, asked):
    reference(view, SIZE, 4)
    for _ in range(2):
        assert rival(view, SIZE, 2).spp == 2
    assert len(asked) == 2 and asked[1] == (2, module.RIVAL_SEED + 2)
    assert reference(view, SIZE, 4).picture.radiance.max() == 0  # not mixed up with the rival


def test_a_rival_may_stay_as_it_was_traced(view, asked, monkeypatch):
    rival(view, SIZE, 2)
    monkeypatch.setattr(module, "denoised", None)
    assert rival(view, SIZE, 2, denoise=False).picture.radiance.min() == module.RIVAL_SEED + 2
    assert len(asked) == 1


def test_a_damaged_file_is_traced_again(view, asked, kept):
    reference(view, SIZE, 4)
    (path,) = kept.rglob("*.npz")
    for data in (path.read_bytes()[:200], b""):
        path.write_bytes(data)
        assert reference(view, SIZE, 4).spp == 4
    assert asked == [(4, 0)] * 3


def test_every_change_of_the_view_is_another_picture(view, asked):
    reference(view, SIZE, 4)
    rough = view.materials.roughness.copy()
    rough[-1] = 0.3
    bright = replace(view.sky, sun=view.sky.sun + np.float32(0.1))
    turned = replace(view.camera, yaw=view.camera.yaw + 0.1)
    for other in (
        replace(view, materials=replace(view.materials, roughness=rough)),
        replace(view, sky=bright),
        replace(view, camera=turned),
    ):
        reference(other, SIZE, 4)
    assert len(asked) == 4
    reference(replace(view, sky=replace(view.sky, exposure=9.0, fog_density=0.5)), SIZE, 4)
    assert len(asked) == 4  # the path tracer knows neither


def test_a_cache_that_cannot_be_written_is_one_sentence(view, asked, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(module, "user_cache_dir", lambda name: str(tmp_path / "file"))
    with pytest.raises(OutputError, match="cannot be kept"):
        reference(view, SIZE, 4)


def test_real_samples_add_up_and_denoising_comes_last(view, kept):
    size = (32, 18)
    one, two = (teacher.picture(view, size, spp, seed=seed, exact=True) for seed, spp in enumerate((2, 4)))
    reference(view, size, 2)
    both = reference(view, size, 6)
    mean = {name: (getattr(one, name) * 2 + getattr(two, name) * 4) / 6 for name in ("radiance", "exact")}
    np.testing.assert_allclose(both.picture.radiance, cleaned(replace(one, **mean)).radiance, atol=5e-3)
    assert both.picture.denoise_s > 0


def test_the_denoiser_leaves_alone_what_holds_no_noise():
    """Even light on a chequered wall, half of it in the sun, with a lamp in the middle: all edges stay sharp."""
    y, x = np.mgrid[:48, :64]
    grey = np.where((x // 4 + y // 4) % 2, 0.8, 0.1)[..., None] * np.ones(3, np.float32)
    exact = np.where(x > 32, 2.0, 0.0)[..., None] * grey
    exact[20:28, 28:36] = 50.0
    light = 0.5 * np.random.default_rng(1).gamma(4.0, 0.25, (48, 64, 1))
    channels = (grey * light + exact, grey, np.zeros((48, 64, 3)), np.ones((48, 64, 3)) * [1.0, 0.0, 0.0])
    noisy = Picture(*(c.astype(np.float32) for c in channels), np.ones((48, 64), np.float32), 0.0, 0.0, exact)
    truth = grey * 0.5 + exact
    error = {f: np.abs(f(noisy).radiance - truth).mean() for f in (cleaned, denoised)}
    assert error[cleaned] < 0.01 and error[cleaned] < 0.1 * error[denoised]
