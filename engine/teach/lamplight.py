"""Lamps' light by a path tracer that knows where they are: direct light next to free of noise, the rest with less.

Mitsuba's `path` draws one lamp by chance at each bounce and finds what is bright beside a lamp (its plates, the wall
behind it) by luck: by night that is most of a picture's noise. Here rays, surfaces and reflectance are Mitsuba's, but

- direct light gives every lamp samples of its own, drawn over the sides that the point can see, evenly over all samples
  by an additive recurrence (Roberts, "The Unreasonable Effectiveness of Quasirandom Sequences", 2018) that is shifted
  for every ray and lamp by chance. What is glossy, or near the lamp, draws as many directions by its reflectance;
- a path's first bounce goes by half towards the neighbourhood of a lamp, and each later vertex asks a lamp that is
  chosen by how bright it looks from there.

All of these are joined by the balance heuristic (Veach, "Robust Monte Carlo Methods", 1997, section 9.2), so that means
are `path`'s, which a test holds. Lamps are boxes beside the scene: no obstacle to light, not even to each other's.
"""

from collections.abc import Iterable
from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
NEAR = 2.0  # diagonals of a lamp: nearer, most samples of its sides would fall where it is far
AROUND_M = 0.5  # how far beside a lamp its neighbourhood reaches
BY_SURFACE = 0.7  # of the first bounces that go by reflectance, not towards a lamp
ROULETTE_DEPTH, LEAST_END = 6, 0.05  # from this bounce on dim paths end by chance, of which this is the least
SIDE_STEPS = (0.7548776662, 0.5698402910)  # 1 / g and 1 / g^2 of Roberts' g in two dimensions,
LOBE_STEPS = (0.8191725134, 0.6710436067, 0.5497004779)  # and 1 / g to 1 / g^3 in three


class Box:
    """A lamp, or the neighbourhood of one: a box whose sides all shine alike."""

    def __init__(self, centre: Any, half: Any, light: Any) -> None:
        self.centre, self.half, self.light = centre, half, light

    def sides(self, point: Any) -> list[tuple[Any, Any]]:
        """For each axis the side that faces a point: where it is along the axis from the centre, and about how large
        it looks, in steradians; all 0 within the box.
        """
        place = point - self.centre
        found = []
        for a in range(3):
            b, c = (a + 1) % 3, (a + 2) % 3
            ahead = dr.maximum(dr.abs(place[a]) - self.half[a], 0.0)
            way = dr.sqrt(dr.square(ahead) + dr.square(place[b]) + dr.square(place[c]))
            looks = 4.0 * self.half[b] * self.half[c] * ahead / dr.maximum(way * way * way, 1e-12)
            found.append((dr.select(place[a] > 0.0, self.half[a], -self.half[a]), looks))
        return found

    def draw(self, point: Any, sides: Any, x: Any, y: Any) -> tuple[Any, Any]:
        """A place on the box seen from a point, by two numbers in 0..1, and its density by solid angle."""
        place, density, whole = mi.Point3f(0.0), mi.Float(0.0), size(sides)
        before: Any = 0.0
        for a, (at, looks) in enumerate(sides):
            b, c = (a + 1) % 3, (a + 2) % 3
            share = looks / dr.maximum(whole, 1e-30)
            within = dr.clip((x - before) / dr.maximum(share, 1e-12), 0.0, 1.0)
            spot = mi.Vector3f(0.0)
            spot[a], spot[b], spot[c] = at, (2.0 * within - 1.0) * self.half[b], (2.0 * y - 1.0) * self.half[c]
            chosen = (x >= before) & (share > 0.0)  # the last that fits stays
            place = dr.select(chosen, mi.Point3f(self.centre + spot), place)
            way = self.centre + spot - point
            here = share * self._density(a, dr.squared_norm(way), dr.abs(dr.normalize(way)[a]))
            density = dr.select(chosen, here, density)
            before = before + share
        return place, density

    def met(self, point: Any, sides: Any, direction: Any) -> tuple[Any, Any]:
        """Where a ray enters the box, in metres from its start (0: nowhere), and the density of `draw` there."""
        found, density, whole = mi.Float(0.0), mi.Float(0.0), size(sides)
        place = point - self.centre
        for a, (at, looks) in enumerate(sides):
            b, c = (a + 1) % 3, (a + 2) % 3
            away = (at - place[a]) / dr.select(direction[a] == 0.0, 1e-20, direction[a])
            end = place + away * direction
            hits = (looks > 0.0) & (away > 0.0) & (dr.abs(end[b]) <= self.half[b]) & (dr.abs(end[c]) <= self.half[c])
            found = dr.select(hits, away, found)
            here = looks / dr.maximum(whole, 1e-30) * self._density(a, away * away, dr.abs(direction[a]))
            density = dr.select(hits, here, density)
        return found, density

    def _density(self, axis: int, squared_m: Any, cosine: Any) -> Any:
        area = 4.0 * self.half[(axis + 1) % 3] * self.half[(axis + 2) % 3]
        return squared_m / dr.maximum(cosine * area, 1e-12)


def size(sides: Any) -> Any:
    """About how large a box looks, in steradians."""
    return sides[0][1] + sides[1][1] + sides[2][1]


class Lamps:
    """All lamps of a scene, or their neighbourhoods: low, high [L, 3] m and radiance [L, 3]."""

    def __init__(self, low: F32, high: F32, radiance: F32) -> None:
        self.count = len(radiance)
        self.bright = [float(light.mean()) for light in radiance]
        rows = np.concatenate([(low + high) / 2, (high - low) / 2, radiance], 1).astype(np.float32)
        self.boxes = [Box(*(mi.Vector3f(part.astype(np.float64)) for part in (r[:3], r[3:6], r[6:]))) for r in rows]
        if vectorised():
            for box in self.boxes:
                dr.make_opaque(box.centre, box.half, box.light)  # one program for all lamps, in place of one for each
            self.rows = mi.Float(rows.ravel())

    def at(self, index: Any) -> tuple[Box, Any]:
        """A lamp by its number, which differs by lane, and how bright it is."""
        if not vectorised():
            return self.boxes[index], self.bright[index]
        centre, half, light = (
            mi.Vector3f(*(dr.gather(mi.Float, self.rows, 9 * index + 3 * part + a) for a in range(3)))
            for part in range(3)
        )
        return Box(centre, half, light), (light.x + light.y + light.z) / 3.0

    def pick(self, point: Any, number: Any) -> tuple[Any, Any]:
        """One lamp for a point, by how much light it would send if nothing stood in the way: (its number, the sum over
        all lamps of what decides, `weight`). A number in 0..1 draws it.
        """

        def more(k: Any, number: Any, chosen: Any, whole: Any) -> Any:
            return k < self.count

        def step(k: Any, number: Any, chosen: Any, whole: Any) -> tuple[Any, Any, Any, Any]:
            box, bright = self.at(k)
            weight = bright * size(box.sides(point))
            whole = whole + weight
            part = weight / dr.maximum(whole, 1e-30)
            takes = number < part
            chosen = dr.select(takes, k, chosen)
            number = dr.select(takes, number / dr.maximum(part, 1e-30), (number - part) / dr.maximum(1.0 - part, 1e-30))
            return k + 1, dr.clip(number, 0.0, 0.9999999), chosen, whole

        _, _, chosen, whole = dr.while_loop((mi.UInt32(0), number, mi.UInt32(0), mi.Float(0.0)), more, step)
        return chosen, whole

    def density(self, point: Any, whole: Any, direction: Any) -> Any:
        """Density by solid angle of `pick` from a point, then `draw`, summed over the lamps in a direction."""

        def more(k: Any, total: Any) -> Any:
            return k < self.count

        def step(k: Any, total: Any) -> tuple[Any, Any]:
            box, bright = self.at(k)
            sides = box.sides(point)
            away, density = box.met(point, sides, direction)
            return k + 1, total + dr.select(away > 0.0, bright * size(sides) / dr.maximum(whole, 1e-30) * density, 0.0)

        return dr.while_loop((mi.UInt32(0), mi.Float(0.0)), more, step)[1]

    def seen(self, point: Any, direction: Any, until: Any, whole: Any, density: Any) -> Any:
        """Radiance of lamps that a ray meets within so many metres, each weighted for a direction that was drawn with
        this density where `pick` and `draw` may find it too; `whole` 0: they may not.
        """

        def more(k: Any, total: Any) -> Any:
            return k < self.count

        def step(k: Any, total: Any) -> tuple[Any, Any]:
            box, bright = self.at(k)
            sides = box.sides(point)
            away, also = box.met(point, sides, direction)
            also = dr.select(whole > 0.0, bright * size(sides) / dr.maximum(whole, 1e-30) * also, 0.0)
            part = density / dr.maximum(density + also, 1e-30)
            return k + 1, total + dr.select((away > 0.0) & (away < until), part, 0.0) * mi.Color3f(box.light)

        return dr.while_loop((mi.UInt32(0), mi.Color3f(0.0)), more, step)[1]


def vectorised() -> bool:
    """Whether Mitsuba follows many rays at once."""
    return "scalar" not in str(mi.variant())


def direct_along(scene: Any, origin: F32, direction: F32, lamps: Lamps, spp: int, seed: int) -> F32:
    """Radiance [n, 3] along rays (origin [n, 3] m, unit direction [n, 3]) of lamps seen straight and of their light off
    the first surface: `spp` samples for each lamp. `scene` holds what stops light.
    """
    if vectorised():
        numbers = (np.random.default_rng([seed, k]).random((5, len(origin)), np.float32) for k in range(lamps.count))
        ray = mi.Ray3f(mi.Point3f(origin.T), mi.Vector3f(direction.T))
        return np.array(_direct(scene, ray, lamps, spp, ([mi.Float(row) for row in rows] for rows in numbers))).T
    rows = []
    for i, (start, way) in enumerate(zip(origin.astype(np.float64), direction.astype(np.float64), strict=True)):
        shifts = np.random.default_rng([seed, i]).random((lamps.count, 5)).tolist()
        rows.append(np.array(_direct(scene, mi.Ray3f(mi.Point3f(start), mi.Vector3f(way)), lamps, spp, shifts)))
    return np.array(rows, np.float32)


def _direct(scene: Any, ray: Any, lamps: Lamps, spp: int, shifts: Iterable[Any]) -> Any:
    """The same along one ray, or many; `shifts` has five rows of numbers in 0..1 for each lamp."""
    hit = scene.ray_intersect(ray)
    total = lamps.seen(ray.o, ray.d, hit.t, mi.Float(0.0), mi.Float(1.0))
    if not dr.any(hit.is_valid()):
        return total
    surface = hit.bsdf()
    glossy = mi.has_flag(surface.flags(), mi.BSDFFlags.GlossyReflection)
    dr.eval(hit, surface, glossy, total)
    for lamp, shift in zip(lamps.boxes, shifts, strict=True):
        total += _off(scene, hit, surface, glossy, lamp, spp, shift)
        dr.eval(total)
    return total


def _off(scene: Any, hit: Any, surface: Any, glossy: Any, lamp: Box, spp: int, shift: Any) -> Any:
    """Light of one lamp that a surface throws back along the ray that hit it."""
    context = mi.BSDFContext()
    sides = lamp.sides(hit.p)
    both = glossy | (dr.norm(hit.p - lamp.centre) < NEAR * 2.0 * dr.norm(lamp.half))
    lit = hit.is_valid() & (size(sides) > 0.0)

    def more(i: Any, total: Any) -> Any:
        return lit & (i < spp)

    def sample(i: Any, total: Any) -> tuple[Any, Any]:
        def number(k: int, by: float) -> Any:
            there = dr.fma(mi.Float(i), by, shift[k])
            return dr.clip(there - dr.floor(there), 0.0, 0.9999999)

        place, density = lamp.draw(hit.p, sides, number(0, SIDE_STEPS[0]), number(1, SIDE_STEPS[1]))
        way = hit.to_local(dr.normalize(place - hit.p))
        value, also = surface.eval_pdf(context, hit, way, lit)
        value = value / dr.maximum(density + dr.select(both, also, 0.0), 1e-30)
        seen = lit & (dr.max(value) > 0.0)
        seen &= _clear(scene, hit, place, seen)
        total = total + dr.select(seen, value, 0.0)

        a, b, c = (number(2 + k, by) for k, by in enumerate(LOBE_STEPS))
        drawn, weight = surface.sample(context, hit, a, mi.Point2f(b, c), lit & both)
        way = hit.to_world(drawn.wo)
        away, density = lamp.met(hit.p, sides, way)
        seen = lit & both & (away > 0.0) & (drawn.pdf > 0.0)
        seen &= _clear(scene, hit, hit.p + away * way, seen)
        total = total + dr.select(seen, weight * (drawn.pdf / dr.maximum(drawn.pdf + density, 1e-30)), 0.0)
        return i + 1, total

    _, total = dr.while_loop((mi.UInt32(0), mi.Color3f(0.0)), more, sample)
    return total * mi.Color3f(lamp.light) / spp


class Bounced:
    """An integrator, as far as the worker asks, of lamps' light after two bounces and more."""

    def __init__(self, lamps: Lamps, around: Lamps, max_depth: int) -> None:
        self.lamps, self.around, self.max_depth = lamps, around, max_depth

    def sample(self, scene: Any, sampler: Any, ray: Any) -> tuple[Any, Any, list[Any]]:
        """One sample of the radiance along a ray, or many; whether it met anything; nothing else."""
        context = mi.BSDFContext()
        hit = scene.ray_intersect(ray)
        active = valid = hit.is_valid()
        if not dr.any(active) and not vectorised():
            return mi.Color3f(0.0), False, []
        surface = hit.bsdf()
        drawn, _ = surface.sample(context, hit, sampler.next_1d(), sampler.next_2d(), active)
        chosen, whole = self.around.pick(hit.p, sampler.next_1d())
        box, _ = self.around.at(chosen)
        place, _ = box.draw(hit.p, box.sides(hit.p), *_pair(sampler))
        share = dr.select(whole > 0.0, mi.Float(BY_SURFACE), mi.Float(1.0))
        by_surface = sampler.next_1d() < share
        way = dr.select(by_surface, hit.to_world(drawn.wo), mi.Vector3f(dr.normalize(place - hit.p)))
        value, density = surface.eval_pdf(context, hit, hit.to_local(way), active)
        density = share * density + (1.0 - share) * self.around.density(hit.p, whole, way)
        active &= (density > 0.0) & (dr.max(value) > 0.0)
        carried = dr.select(active, value / dr.maximum(density, 1e-30), mi.Color3f(0.0))
        hit = scene.ray_intersect(hit.spawn_ray(way), active)
        active &= hit.is_valid()

        def more(active: Any, depth: Any, carried: Any, total: Any, hit: Any, sampler: Any) -> Any:
            return active

        def vertex(active: Any, depth: Any, carried: Any, total: Any, hit: Any, sampler: Any) -> Any:
            surface = hit.bsdf()
            chosen, whole = self.lamps.pick(hit.p, sampler.next_1d())
            lamp, bright = self.lamps.at(chosen)
            sides = lamp.sides(hit.p)
            place, density = lamp.draw(hit.p, sides, *_pair(sampler))
            density *= bright * size(sides) / dr.maximum(whole, 1e-30)
            value, also = surface.eval_pdf(context, hit, hit.to_local(dr.normalize(place - hit.p)), active)
            value = value * mi.Color3f(lamp.light) / dr.maximum(density + also, 1e-30)
            seen = active & (whole > 0.0) & (dr.max(value) > 0.0)
            seen &= _clear(scene, hit, place, seen)
            total = total + dr.select(seen, carried * value, 0.0)

            drawn, weight = surface.sample(context, hit, sampler.next_1d(), sampler.next_2d(), active)
            way = hit.to_world(drawn.wo)
            carried = carried * weight
            before = hit.p
            hit = scene.ray_intersect(hit.spawn_ray(way), active)
            shine = self.lamps.seen(before, way, hit.t, whole, drawn.pdf)
            total = total + dr.select(active & (drawn.pdf > 0.0), carried * shine, 0.0)
            depth = depth + 1
            goes_on = dr.minimum(dr.max(carried), 1.0 - LEAST_END)
            dim = depth >= ROULETTE_DEPTH
            active &= hit.is_valid() & (drawn.pdf > 0.0) & (depth < self.max_depth) & (dr.max(carried) > 0.0)
            active &= (depth < ROULETTE_DEPTH) | (sampler.next_1d() < goes_on)
            carried = dr.select(dim, carried / dr.maximum(goes_on, 1e-30), carried)
            return active, depth, carried, total, hit, sampler

        state = (active, mi.UInt32(2), carried, mi.Color3f(0.0), hit, sampler)
        return dr.while_loop(state, more, vertex)[3], valid, []


def _clear(scene: Any, hit: Any, place: Any, active: Any) -> Any:
    """Whether nothing stands between a hit and a place. One ray's answer is a Python bool, which ~ does not negate."""
    return active & (scene.ray_test(hit.spawn_ray_to(place), active) ^ True)


def _pair(sampler: Any) -> tuple[Any, Any]:
    number = sampler.next_2d()
    return number.x, number.y
