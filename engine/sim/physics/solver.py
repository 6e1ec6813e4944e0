"""What the simulation asks of a physics engine. `rapier.py` answers with rapier3d; nothing else knows which it is.

Things in the physics are named by keys that the caller chooses: entity ids, and smaller numbers for pieces of ground.
A pose is (x, y, z, qx, qy, qz, qw) in metres and a unit quaternion; a motion adds linear velocity (m/s, of the centre
of mass) and angular velocity (rad/s): 13 numbers. Who restores the bytes of a solver goes on exactly as it would have.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from engine.core.errors import DaguerreError
from engine.sim.physics.shapes import Piece
from engine.state.blueprint import F64

Vec3 = tuple[float, float, float]
Pose = tuple[float, ...]  # 7 numbers
Motion = tuple[float, ...]  # 13 numbers

# What a thing is to others: bits, for queries.
GROUND: Final = 1
BODIES: Final = 2  # of the world's entities, dynamic and kinematic
PEOPLE: Final = 4  # walkers and the player, moved from outside
LEAVES: Final = 8  # of doors, moved from outside
FURNITURE: Final = 16  # solid entities that stay

FIXED, DYNAMIC, KINEMATIC, CARRIED = range(4)  # carried: its next pose is given each tick; kinematic: its velocity is


class PhysicsError(DaguerreError):
    """A tick that physics could not finish; the message names the entity and the component."""


class BrokenBodies(Exception):
    """Keys of things whose motion became not finite."""

    def __init__(self, keys: list[int]) -> None:
        super().__init__(f"not finite: {keys}")
        self.keys = keys


@dataclass(frozen=True)
class Surface:
    """What a thing is made of."""

    density: float = 1000.0  # kg/m3
    friction: float = 0.6
    bounce: float = 0.0


@dataclass(frozen=True)
class Hinge:
    """A joint that leaves one turn free."""

    other: int  # key
    at: Vec3  # metres, own frame
    axis: Vec3  # unit, own frame
    at_other: Vec3  # metres, frame of the other
    axis_other: Vec3


@dataclass(frozen=True)
class Hit:
    """Where a cast met something."""

    key: int
    share: float  # of the way, 0..1
    normal: Vec3  # unit, world: out of what was met
    point: Vec3  # metres, world


@dataclass(frozen=True)
class Touch:
    """Two things that began to touch in the last step."""

    key: int
    other: int
    impulse: float  # N s


class Solver(Protocol):
    """One physics world."""

    @property
    def name(self) -> str:
        """Engine and version; bytes of one are nothing to another."""

    def to_bytes(self) -> bytes:
        """All that it remembers."""

    def stamps(self) -> dict[int, int]:
        """Key -> the stamp that it was put in with, of everything there is."""

    def put(
        self, key: int, kind: int, group: int, pieces: Sequence[Piece], motion: Motion, surface: Surface,
        stamp: int = 0, tells: bool = False,
    ) -> None:  # fmt: skip
        """Puts a thing in. PhysicsError where the key is taken, as forged bytes may have it."""

    def join(self, key: int, hinge: Hinge) -> None:
        """Hangs a thing on a hinge."""

    def remove(self, key: int) -> None:
        """Takes a thing out, and its hinges; what touched it wakes up."""

    def set_motion(self, key: int, motion: Motion) -> None:
        """Puts a thing elsewhere, or gives it other velocities, and wakes it."""

    def set_velocities(self, key: int, motion: Motion) -> None:
        """Gives a thing the velocities of a motion where it is, and wakes it."""

    def carry(self, key: int, pose: Pose) -> None:
        """Where a carried thing shall be after the next step."""

    def lay_to_rest(self, keys: Iterable[int]) -> None:
        """Lets bodies that were just put in sleep where they are, until something touches them."""

    def wake(self, key: int) -> None:
        """Wakes a body."""

    def push(self, key: int, impulse: Vec3, point: Vec3) -> None:
        """Pushes a body at a point (N s, metres)."""

    def rests(self) -> bool:
        """Whether all bodies sleep and nothing was touched since the last step: another would change nothing."""

    def step(self) -> list[Touch]:
        """One tick; what began to touch, of things that tell, by key. BrokenBodies names what
        broke, PhysicsError says that the engine gave up.
        """

    def motion(self, key: int) -> Motion:
        """Where a thing is and how it moves."""

    def motions(self, keys: Iterable[int]) -> tuple[list[bool], F64]:
        """Whether bodies [n] rest, and their motions [n, 13]."""

    def squeezed(self, key: int) -> float:
        """Metres by which bodies were pressed into a thing in the last step."""

    def cast_box(
        self, centre: Vec3, half: Vec3, way: Vec3, groups: int, skin: float, but: Iterable[int] = ()
    ) -> Hit | None:
        """The first thing of the groups that an upright box meets on its way, or comes within `skin` metres of.

        What it touches already stops it only from moving farther in.
        """

    def cast_ray(self, origin: Vec3, way: Vec3, groups: int, but: Iterable[int] = ()) -> Hit | None:
        """The first thing of the groups that a ray meets on its way."""

    def overlaps(self, centre: Vec3, half: Vec3, groups: int) -> bool:
        """Whether anything of the groups lies in an upright box."""
