"""The solver that rapier3d is. Only this file imports it, and only worlds with bodies import this file.

Rapier's own bytes hold everything: bodies, contacts with their warm starts, islands, sleep. Keys and stamps travel in
the `user_data` of its bodies, so that a restored world is found again without any memory of ours. One thread: a step
then adds in one order. Its arithmetic is float32.

Bytes restored in the middle of a run came to other bytes than the run itself after some ticks, with equal poses (rapier
0.36 orders contacts by what it does not write down). Therefore a world is always one that was restored from its own
bytes, and what was done to it since: every RESTORED_EVERY steps it is restored anew, and in between a save holds those
bytes and the calls since, which are made again where it is loaded. What follows depends on the save alone, by
construction.
"""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

os.environ["RAYON_NUM_THREADS"] = "1"  # rapier reads it at its first world: a step then wakes no other thread
import msgpack
import numpy as np
import rapier3d

from engine.core.rotations import UPRIGHT
from engine.core.units import TICK_S
from engine.sim.physics.shapes import Piece
from engine.sim.physics.solver import (
    BODIES,
    CARRIED,
    DYNAMIC,
    FIXED,
    KINEMATIC,
    BrokenBodies,
    Hinge,
    Hit,
    Motion,
    PhysicsError,
    Pose,
    Surface,
    Touch,
    Vec3,
)
from engine.state.blueprint import F64
from engine.state.components import FASTEST_M_S

GRAVITY_M_S2: Final = 9.81
STIFFNESS_HZ: Final = 60.0  # of contacts; at rapier's own 30 the lowest of many crates sink into one another
PREDICTION_M: Final = 0.005  # rapier's own 0.02 lets fast balls hop at the seams between boxes of ground
RESTORED_EVERY: Final = 8  # steps; restoring fifty crates costs as much as a step of them
MOST_CALLS: Final = 8192  # that a save holds
NAME: Final = f"rapier3d {rapier3d.__version__} and calls"
_KEY_BITS: Final = 56  # ids take 52, stamps 71 of the 128
_KEY_MASK: Final = (1 << _KEY_BITS) - 1
_EVERYTHING: Final = 0xFFFF_FFFF
# Bytes that rapier makes of a position, a velocity and a spin, as floats: before each two of header; turn before place.
_FLOATS_OF_MOTION: Final = 9 + 5 + 5
_MOTION_IN_FLOATS: Final = [6, 7, 8, 2, 3, 4, 5, 11, 12, 13, 16, 17, 18]
_MOST_IN_THE_WAY: Final = 8  # things touched already that a cast looks past
_BUILDERS: Final = {
    FIXED: rapier3d.RigidBody.fixed,
    DYNAMIC: rapier3d.RigidBody.dynamic,
    KINEMATIC: rapier3d.RigidBody.kinematic_velocity_based,
    CARRIED: rapier3d.RigidBody.kinematic_position_based,
}


_STEP: Final = ("step",)
# What a save holds of the time since its bytes -> how many numbers it takes beside a key. Whatever else is done to a
# world (things put in, hung, taken out) has it restored at the end of the step.
_CALLS: Final[dict[str, tuple[int, ...]]] = {
    "set_motion": (13,), "set_velocities": (13,), "carry": (7,), "wake": (), "push": (3, 3),
}  # fmt: skip


class RapierSolver:
    """One world of rapier: bytes that it was restored from, and the calls since."""

    name = NAME

    def __init__(self, world: rapier3d.PhysicsWorld | None = None) -> None:
        if world is None:
            world = rapier3d.PhysicsWorld()
        parameters = rapier3d.IntegrationParameters()  # in bytes that were forged they may say anything
        parameters.dt = TICK_S
        parameters.normalized_max_linear_velocity = FASTEST_M_S
        parameters.normalized_prediction_distance = PREDICTION_M
        parameters.contact_softness = rapier3d.SpringCoefficients(STIFFNESS_HZ, 10.0)
        world.integration_parameters, world.gravity = parameters, rapier3d.Vec3(0.0, 0.0, -GRAVITY_M_S2)
        self._new: list[int] = []  # put in since the last step; none at a tick boundary
        self._touches = rapier3d.ChannelEventCollector()
        self._bytes: bytes | None = None  # that this world was restored from; None where calls cannot say what came
        self._calls: list[tuple[Any, ...]] = []  # made since, if there are bytes
        self._handles = {body.user_data & _KEY_MASK: handle for handle, body in world.rigid_bodies}
        self._adopt(world)

    def _adopt(self, world: rapier3d.PhysicsWorld) -> None:
        """Goes on with a world of the same handles."""
        if world.num_threads != 1:  # somebody used rapier before this file did
            world.set_num_threads(1)  # a pool of its own: a thread to start, and to be woken for every step
        world.event_handler = self._touches  # type: ignore[assignment]
        self._world, bodies = world, world.rigid_bodies
        self._bodies = {key: bodies[handle] for key, handle in self._handles.items()}  # live views

    @staticmethod
    def from_bytes(data: bytes) -> "RapierSolver":
        """The world that `to_bytes` wrote. PhysicsError for what is none."""
        try:
            own, calls = msgpack.unpackb(data, use_list=False, max_array_len=MOST_CALLS, max_map_len=0, max_ext_len=0)
            solver = RapierSolver(rapier3d.PhysicsWorld.restore(own))
        except (
            rapier3d.RapierError,
            ValueError,
            TypeError,
            OverflowError,
            RecursionError,
            msgpack.UnpackException,
        ) as e:
            raise PhysicsError(f"these bytes are no physics of {NAME}: {e}") from None
        solver._bytes = own
        solver._do_again(calls)
        return solver

    def _do_again(self, calls: object) -> None:
        """Makes the calls of a save. PhysicsError for what no run would have made."""
        if not isinstance(calls, tuple) or calls.count(_STEP) >= RESTORED_EVERY:
            raise PhysicsError(f"these bytes are no physics of {NAME}: they end in no list of calls of a run")
        for call in calls:
            if call == _STEP:
                try:
                    self.step()
                except BrokenBodies as error:
                    raise PhysicsError(f"these bytes are no physics of {NAME}: bodies {error.keys} break") from None
            elif self._may_be(call):
                with _panics_told():
                    getattr(self, call[0])(*call[1:])
            else:
                raise PhysicsError(f"these bytes are no physics of {NAME}: a call in them is {call!r:.80}")

    def _may_be(self, call: object) -> bool:
        """Whether it is one of _CALLS about a thing that is there, with finite numbers."""
        if not isinstance(call, tuple) or len(call) < 2 or type(call[0]) is not str or type(call[1]) is not int:
            return False
        counts, key, given = _CALLS.get(call[0]), call[1], call[2:]
        if counts is None or key not in self._handles or len(given) != len(counts):
            return False
        return all(
            isinstance(numbers, tuple) and len(numbers) == count and all(map(_is_finite, numbers))
            for numbers, count in zip(given, counts, strict=True)
        )

    def to_bytes(self) -> bytes:
        """See Solver."""
        known = self._bytes is not None
        data: bytes = msgpack.packb((self._bytes, self._calls) if known else (self._world.snapshot(), ()))
        return data

    def stamps(self) -> dict[int, int]:
        """See Solver."""
        return {key: body.user_data >> _KEY_BITS for key, body in self._bodies.items()}

    def put(
        self, key: int, kind: int, group: int, pieces: Sequence[Piece], motion: Motion, surface: Surface,
        stamp: int = 0, tells: bool = False,
    ) -> None:  # fmt: skip
        """See Solver."""
        if key in self._bodies:
            raise PhysicsError(f"key {key} is taken")  # in bytes that were forged
        self._bytes = None
        body = _BUILDERS[kind]().position(_isometry(motion)).user_data(stamp << _KEY_BITS | key)
        if kind in (DYNAMIC, KINEMATIC):
            body = body.linvel(list(motion[7:10])).angvel(list(motion[10:13])).ccd_enabled(kind == DYNAMIC)
        placed = [_placed(piece) for piece in pieces]
        if len(placed) == 1:
            collider = rapier3d.Collider.new(placed[0][1]).position(placed[0][0])
        else:
            collider = rapier3d.Collider.new(rapier3d.SharedShape.compound(list(placed)))
        collider = collider.density(surface.density).friction(surface.friction)
        collider = collider.restitution(surface.bounce).collision_groups(_groups(group, _meets(group)))
        if tells:
            collider = collider.active_events(rapier3d.ActiveEvents.COLLISION_EVENTS)
        handle = self._world.add_body(body, [collider])
        self._handles[key], self._bodies[key] = handle, self._world.rigid_bodies[handle]
        if kind != FIXED:
            self._new.append(key)

    def join(self, key: int, hinge: Hinge) -> None:
        """See Solver."""
        self._bytes = None
        joint = rapier3d.RevoluteJointBuilder(hinge.axis).local_axis1(hinge.axis_other).local_axis2(hinge.axis)
        joint = joint.local_anchor1(hinge.at_other).local_anchor2(hinge.at)
        self._world.impulse_joints.insert(
            self._handles[hinge.other], self._handles[key], joint.contacts_enabled(False).build(), True
        )

    def remove(self, key: int) -> None:
        """See Solver."""
        self._bytes = None
        self._world.remove_body(self._handles.pop(key))
        del self._bodies[key]
        self._new = [new for new in self._new if new != key]

    def set_motion(self, key: int, motion: Motion) -> None:
        """See Solver."""
        self._calls.append(("set_motion", key, tuple(motion)))
        self._bodies[key].position = _isometry(motion)
        self._set_velocities(key, motion)

    def set_velocities(self, key: int, motion: Motion) -> None:
        """See Solver."""
        self._calls.append(("set_velocities", key, tuple(motion)))
        self._set_velocities(key, motion)

    def _set_velocities(self, key: int, motion: Motion) -> None:
        body = self._bodies[key]
        body.linvel, body.angvel = motion[7:10], motion[10:13]  # type: ignore[assignment]
        body.wake_up(True)

    def carry(self, key: int, pose: Pose) -> None:
        """See Solver."""
        self._calls.append(("carry", key, tuple(pose)))
        self._bodies[key].set_next_kinematic_position(_isometry(pose))

    def lay_to_rest(self, keys: Iterable[int]) -> None:
        """See Solver."""
        self._bytes = None
        self._world.detect_collisions()  # beginning to touch would wake them in the next step
        resting = set(keys)
        for key in self._new:  # rapier counts what it has detected as seen, and would leave it out of its islands
            if key in resting:
                self._bodies[key].sleep()
            else:
                self._bodies[key].wake_up(True)

    def wake(self, key: int) -> None:
        """See Solver."""
        self._calls.append(("wake", key))
        self._bodies[key].wake_up(True)

    def push(self, key: int, impulse: Vec3, point: Vec3) -> None:
        """See Solver."""
        self._calls.append(("push", key, tuple(impulse), tuple(point)))
        self._bodies[key].apply_impulse_at_point(impulse, point, True)

    def rests(self) -> bool:
        """See Solver."""
        with _panics_told():
            untouched = self._bytes is not None and (not self._calls or self._calls[-1] is _STEP)
            return untouched and not self._world.active_bodies()

    def step(self) -> list[Touch]:
        """See Solver."""
        with _panics_told():
            self._world.step()
        self._new.clear()
        broken = self._world.quarantine
        if not broken.is_empty():
            keys = sorted(self._world.rigid_bodies[handle].user_data & _KEY_MASK for handle in broken.bodies)
            raise BrokenBodies(keys)
        touches = []
        for event in self._touches.drain_collision_events():
            if event.started and not event.removed:
                pair = self._world.narrow_phase.contact_pair(event.collider1, event.collider2)
                impulse = pair.total_impulse_magnitude() if pair is not None else 0.0
                touches.append(Touch(self._key(event.collider1), self._key(event.collider2), impulse))
        self._calls.append(_STEP)
        if self._bytes is None or self._calls.count(_STEP) == RESTORED_EVERY or len(self._calls) > MOST_CALLS:
            self._bytes = self._world.snapshot()
            self._calls = []
            self._adopt(rapier3d.PhysicsWorld.restore(self._bytes))
        return sorted(touches, key=lambda t: (t.key, t.other))

    def motion(self, key: int) -> Motion:
        """See Solver."""
        return _motion(self._bodies[key])

    def motions(self, keys: Iterable[int]) -> tuple[list[bool], F64]:
        """See Solver."""
        bodies, data = [self._bodies[key] for key in keys], list[bytes]()
        for body in bodies:
            data += body.position.to_bytes(), body.linvel.to_bytes(), body.angvel.to_bytes()
        numbers = np.frombuffer(b"".join(data), "<f4").reshape(-1, _FLOATS_OF_MOTION)[:, _MOTION_IN_FLOATS]
        return [body.is_sleeping for body in bodies], numbers.astype(np.float64)

    def squeezed(self, key: int) -> float:
        """See Solver."""
        deepest = 0.0
        for pair in self._world.narrow_phase.contact_pairs_with(self._bodies[key].colliders[0]):
            contact = pair.find_deepest_contact()
            if contact is not None:
                deepest = max(deepest, -contact.dist)
        return deepest

    def cast_box(
        self, centre: Vec3, half: Vec3, way: Vec3, groups: int, skin: float, but: Iterable[int] = ()
    ) -> Hit | None:
        """See Solver."""
        query, box = self._world.query_pipeline, rapier3d.SharedShape.cuboid(*half)
        options = rapier3d.ShapeCastOptions(1.0, skin, False, True)
        passed = {self._handles[key] for key in but if key in self._handles}
        for _ in range(_MOST_IN_THE_WAY):
            found = query.cast_shape((centre, UPRIGHT), way, box, options, self._filter(groups, passed))
            if found is None:
                return None
            collider, hit = found
            normal, body = hit.normal1.to_tuple(), self._world.colliders[collider].parent
            assert body is not None
            inwards = sum(n * w for n, w in zip(normal, way, strict=True))
            if hit.time_of_impact > 0.0 or inwards < -1e-3 * max(abs(w) for w in way):
                return Hit(self._key(collider), hit.time_of_impact, normal, hit.witness1.to_tuple())
            passed.add(body)  # it is touched already, and the way leads along it or out of it
        return None

    def cast_ray(self, origin: Vec3, way: Vec3, groups: int, but: Iterable[int] = ()) -> Hit | None:
        """See Solver."""
        passed = {self._handles[key] for key in but if key in self._handles}
        ray = rapier3d.Ray(origin, way)
        found = self._world.query_pipeline.cast_ray_and_get_normal(ray, 1.0, True, self._filter(groups, passed))
        if found is None:
            return None
        collider, hit = found
        return Hit(self._key(collider), hit.toi, hit.normal.to_tuple(), ray.point_at(hit.toi).to_tuple())

    def overlaps(self, centre: Vec3, half: Vec3, groups: int) -> bool:
        """See Solver."""
        found: list[rapier3d.ColliderHandle] = []
        self._world.query_pipeline.intersect_shape(
            (centre, UPRIGHT),
            rapier3d.SharedShape.cuboid(*half),
            found.append,
            self._filter(groups, set()),
        )
        return bool(found)

    def _filter(self, groups: int, passed: set[rapier3d.RigidBodyHandle]) -> rapier3d.QueryFilter:
        wanted = _only(groups)
        return wanted.predicate(lambda _, collider: collider.parent not in passed) if passed else wanted

    def _key(self, collider: rapier3d.ColliderHandle) -> int:
        parent = self._world.colliders[collider].parent
        assert parent is not None
        return self._world.rigid_bodies[parent].user_data & _KEY_MASK


@contextmanager
def _panics_told() -> Iterator[None]:
    """Bytes that were forged end in panics of Rust, which are no Exceptions: they become PhysicsError."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise PhysicsError(f"{NAME} gave up: {error}") from None


def _is_finite(number: object) -> bool:
    return type(number) is float and math.isfinite(number)


def _meets(group: int) -> int:
    """Only bodies are moved by what they touch; everything else meets bodies alone."""
    return _EVERYTHING if group == BODIES else BODIES


def _motion(body: rapier3d.RigidBody) -> Motion:
    place, turn = body.translation.to_tuple(), body.rotation.to_tuple()
    return (*place, *turn, *body.linvel.to_tuple(), *body.angvel.to_tuple())


def _isometry(pose: Pose) -> rapier3d.Isometry3:
    return rapier3d.Isometry3(list(pose[:3]), list(pose[3:7]))


def _groups(own: int, others: int) -> rapier3d.InteractionGroups:
    return rapier3d.InteractionGroups(rapier3d.Group(own), rapier3d.Group(others))


@lru_cache(32)  # of all groups together
def _only(groups: int) -> rapier3d.QueryFilter:
    return rapier3d.QueryFilter().groups(_groups(_EVERYTHING, groups))


def _placed(p: Piece) -> tuple[rapier3d.Isometry3, rapier3d.SharedShape]:
    turn = UPRIGHT
    if p.kind == "box":
        shape = rapier3d.SharedShape.cuboid(*p.half)
    elif p.kind == "ball":
        shape = rapier3d.SharedShape.ball(p.half[0])
    elif p.kind == "capsule":
        shape = rapier3d.SharedShape.capsule_z(p.half[2] - p.half[0], p.half[0])
    elif p.kind == "cylinder":  # rapier's stands along y
        turn = _ALONG[p.axis]
        shape = rapier3d.SharedShape.cylinder(p.half[p.axis], p.half[(p.axis + 1) % 3])
    else:
        return rapier3d.Isometry3(), rapier3d.SharedShape.convex_hull(list(p.points))
    return _isometry((*p.centre, *turn)), shape


_HALF: Final = 0.7071067811865476
_ALONG: Final = ((0.0, 0.0, -_HALF, _HALF), UPRIGHT, (_HALF, 0.0, 0.0, _HALF))  # y turned to x, y, z
