"""One world being played: its state, its renderer, which camera looks, and what the keys mean right now.

The session turns inputs into commands for the world; pictures and words never find their way back into the state.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from engine.core.errors import DaguerreError
from engine.core.looks import LOOKS
from engine.play import files, hud
from engine.play.authoring import Author
from engine.play.cameras import EYES, FREE, Cameras, Held
from engine.play.hud import Overlay
from engine.play.loop import Input
from engine.play.timeline import Keeping, Timeline
from engine.script.worldfile import LoadedWorld
from engine.sim.clock import FixedClock
from engine.sim.extract import extract
from engine.state.commands import Command
from engine.state.reload import reloaded, sharing
from engine.state.story import Ending, Standing
from engine.state.world import State, new_state
from engine.view import Frame, View

NOTICE_S = 2.0
LONGEST_FRAME_S = 0.25  # for cameras and words: a machine that slept has not flown a mile
BACK_FASTER_S = 2.0  # going back in time gets twice as fast after so long,
BACK_FASTEST = 16  # up to so many times
RESET_EVERY = 64  # frames, for the debugging key
STATS_S = 0.25  # statistics that change faster than this cannot be read


class Pictures(Protocol):
    """What a session needs of a renderer (engine.film.camera.Renderer)."""

    look: str
    frozen: bool  # light stays as it is
    reset_every: int  # all light is forgotten before every so many frames; 0 never

    def invalidate(self) -> None:
        """Forget all light."""

    def render(self, view: View) -> Frame:
        """The picture of a view."""

    def set_look(self, name: str) -> None:
        """Choose how pictures are made from now on. Raises DaguerreError where that cannot be had."""


class Session:
    """A world in play. Satisfies engine.play.loop.Playable."""

    def __init__(
        self,
        world: LoadedWorld,
        state: State,
        pictures: Pictures,
        camera: str = EYES,
        recorded: Sequence[Command] = (),
        screenshots: Path = Path("out"),
        notice: str = "",
        keeping: Keeping | None = None,
        watching: bool = False,
        after_tick: Callable[[State], str | None] = lambda state: None,
        author: Author | None = None,
    ) -> None:
        """`recorded` commands are given to the world at their ticks; `notice` is said over the first pictures.

        `watching` keeps the player's own hands off the world. What `after_tick` returns is said, and the world stops
        there. With an `author` the world follows its files. OutputError where a recording cannot be begun.
        """
        self.world, self.pictures = world, pictures
        self.timeline = Timeline(world, state, keeping or Keeping(), self._say)
        self.finished, self.paused = False, False
        self._cameras = Cameras(world.blueprint, camera)
        self._screenshots = screenshots
        self._recorded: dict[int, list[Command]] = {}
        for command in recorded:
            self._recorded.setdefault(command.tick, []).append(command)
        self._clock = FixedClock()
        self._alpha = 0.0
        self._pending: list[tuple[str, Mapping[str, float | bool]]] = []  # until a tick takes it: no tap is lost
        self._held = Held()
        self._watching, self._after_tick, self._author = watching, after_tick, author
        self._back_s: float | None = None  # how long time has run backwards; None while it runs forwards
        self._single_steps = 0
        self._last_view: View | None = None
        self._last_frame: Frame | None = None
        self._help = self._show_stats = False
        self._seen_ending: Ending | None = None  # whose card was put away
        self._notice, self._notice_s = notice, 2 * NOTICE_S
        self._rows: tuple[tuple[str, str], ...] = ()
        self._bars: tuple[tuple[str, float], ...] = ()
        self._since_rows_s, self._frames_since_rows = STATS_S, 0
        self._elapsed_s = 0.0
        self._keys: dict[str, Callable[[], None]] = {
            "pause": self._pause,
            "single step": self._step_once,
            "next look": lambda: self._set_look(LOOKS[(LOOKS.index(pictures.look) + 1) % len(LOOKS)]),
            "network": lambda: self._set_look("classical" if pictures.look == "neural" else "neural"),
            "next camera": self._next_camera,
            "help": self._toggle_help,
            "stats": self._toggle_stats,
            "screenshot": self._screenshot,
            "freeze light": self._freeze_light,
            "forget light": self._forget_light,
            "forget light often": self._forget_light_often,
            "back": self._go_back,
            "forth": self._go_on,
            "save": lambda: self._say(self.timeline.save()),
            "load": self._load,
            "restart": self._restart,
            "quit": self._quit,
        }

    @property
    def state(self) -> State:
        """The world as it is now."""
        return self.timeline.state

    # ---- what the loop calls

    def take(self, inputs: Sequence[Input]) -> None:
        """Act on what came in: wishes at once, commands of the world at the next tick."""
        for one in inputs:
            if one.kind in self._keys:
                self._keys[one.kind]()
            elif one.kind == "move":
                self._held = Held(**one.args)  # type: ignore[arg-type]
                self._send_held()
            elif self._cameras.name == FREE and one.kind == "look":
                self._cameras.turn(float(one.args["yaw"]), float(one.args["pitch"]))
            elif one.kind == "use" and self.state.story.ending not in (None, self._seen_ending):
                self._seen_ending = self.state.story.ending
            elif self._cameras.name == EYES and not (self.paused or self._watching or self._back_s is not None):
                self._pending.append((one.kind, one.args))

    def advance(self, elapsed_ns: int) -> None:
        """Run the whole ticks that fit, and move the free camera."""
        self._elapsed_s = min(max(elapsed_ns / 1e9, 0.0), LONGEST_FRAME_S)
        self._notice_s -= self._elapsed_s
        if self._author is not None and self._back_s is None:
            self._follow_file(self._author)
        if self._back_s is not None:
            self._back_s += self._elapsed_s
            beat = self._clock.advance(elapsed_ns)
            self._alpha = 1.0 - beat.alpha
            speed = min(2 ** int(self._back_s / BACK_FASTER_S), BACK_FASTEST)
            self._say(self.timeline.go_back(beat.ticks * speed))
        elif self.paused:
            for _ in range(self._single_steps):
                self._tick()
            self._single_steps = 0  # alpha stays, so that a pause and its steps never make the picture jump
        else:
            beat = self._clock.advance(elapsed_ns)
            self._alpha = beat.alpha
            for _ in range(beat.ticks):
                if not self.paused:  # the tick before may have been the last
                    self._tick()
        if self._cameras.name == FREE:
            self._cameras.fly(self._held, self._elapsed_s)

    def picture(self) -> tuple[Frame, Overlay]:
        """Render this moment with its words."""
        camera, earlier = self._cameras.at(self.state.tick, self._alpha)
        view = extract(self.world.blueprint, self.state, None, self._alpha, camera, earlier)
        frame = self.pictures.render(view)
        self._last_view, self._last_frame = view, frame
        self._count(frame, view)
        if self._show_stats and frame.tiles.size:
            frame = replace(frame, rgb=hud.tinted(frame.rgb, frame.tiles))
        notice = (self._notice if self._notice_s > 0 else "") or ("paused" if self.paused else "")
        rows, bars = (self._rows, self._bars) if self._show_stats else ((), ())
        goals = tuple((s.goal.text, _how_far(s), s.is_reached) for s in view.goals)
        ending = None if view.ending is None or view.ending == self._seen_ending else view.ending
        card = None if ending is None else (ending.title, ending.text)
        return frame, Overlay(
            subtitle=view.subtitle,
            speaker=view.speaker,
            goals=goals,
            ending=card,
            notice=notice,
            help=self._help,
            stats=rows,
            bars=bars,
            problem=self._author.problem if self._author is not None else "",
        )

    # ---- the file that is being written

    def _follow_file(self, author: Author) -> None:
        """Goes on in the new version of the world when it was saved; in the old one where the new one is wrong."""
        read = author.look()
        if read is None:
            return
        try:
            blueprint = sharing(self.world.blueprint, read.blueprint)
            state, lost = reloaded(self.world.blueprint, blueprint, self.state)
            self.world = replace(read, blueprint=blueprint)
            self.timeline.go_on_in(self.world, state)
        except DaguerreError as error:
            author.refuse(error)
            return
        self._cameras.follow(blueprint)
        self._say("; ".join(("the file was saved: the world follows", *lost)))

    # ---- ticks and cameras

    def _tick(self) -> None:
        tick = self.state.tick
        commands = [Command(tick, kind, dict(args)) for kind, args in self._pending]
        commands += self._recorded.get(tick, [])
        self._pending = []
        self.timeline.tick(commands)
        for event in self.state.events:
            if event.kind == "script_error":
                self._say(f"script handler {event.args[0]} failed and is switched off: {event.args[1]}")
        if words := self._after_tick(self.state):
            self._say(words)
            self.paused = True

    def _send_held(self) -> None:
        if self._watching:
            return
        held = self._held if self._cameras.name == EYES else Held()
        args = {"forward": held.forward, "right": held.right, "up": held.up, "run": held.run}
        self._pending = [(kind, args) for kind, args in self._pending if kind != "move"] + [("move", args)]

    def _next_camera(self) -> None:
        self._cameras.next(self.state.tick, self._last_view.camera if self._last_view else None)
        self._send_held()
        self._say(f"camera: {self._cameras.name}")

    # ---- keys

    def _set_look(self, name: str) -> None:
        try:
            self.pictures.set_look(name)
        except DaguerreError as error:
            self._say(str(error))
        else:
            self._say(f"look: {name}")

    def _pause(self) -> None:
        self.paused = not self.paused
        self._say("" if self.paused else "going on")

    def _go_back(self) -> None:
        self._back_s = 0.0
        self._pending = []

    def _go_on(self) -> None:
        if self._back_s is not None:
            self._back_s = None
            self.timeline.go_on()
            self._say(f"going on from tick {self.state.tick}")
            self._send_held()  # the keys that are down now, not those that were down then

    def _load(self) -> None:
        self._say(self.timeline.load())
        self._pending = []
        self._send_held()

    def _restart(self) -> None:
        self.timeline.go_on_in(self.world, new_state(self.world.blueprint, self.state.seed))
        self._pending = []
        self._send_held()
        self._say("from the beginning")

    def _step_once(self) -> None:
        self.paused = True
        self._single_steps += 1

    def _toggle_help(self) -> None:
        self._help = not self._help

    def _toggle_stats(self) -> None:
        self._show_stats, self._since_rows_s = not self._show_stats, STATS_S

    def _freeze_light(self) -> None:
        self.pictures.frozen = not self.pictures.frozen
        self._say("light frozen" if self.pictures.frozen else "light follows the world")

    def _forget_light(self) -> None:
        self.pictures.invalidate()
        self._say("light forgotten")

    def _forget_light_often(self) -> None:
        self.pictures.reset_every = 0 if self.pictures.reset_every else RESET_EVERY
        self._say(f"light forgotten every {RESET_EVERY} frames" if self.pictures.reset_every else "light kept")

    def _quit(self) -> None:
        self.finished = True

    def _screenshot(self) -> None:
        if self._last_frame is None:
            return
        name, tick = self.world.blueprint.name, self._last_frame.tick
        path = self._screenshots / f"{name}-{tick:06d}-{self.pictures.look}.png"
        try:
            text = {"world": name, "seed": str(self.state.seed), "tick": str(tick), "camera": self._cameras.name}
            files.write_png(path, self._last_frame.rgb, text)
        except DaguerreError as error:
            self._say(str(error))
        else:
            self._say(f"wrote {path}")

    # ---- words

    def _say(self, text: str) -> None:
        self._notice, self._notice_s = text, NOTICE_S

    def _count(self, frame: Frame, view: View) -> None:
        self._since_rows_s += self._elapsed_s
        self._frames_since_rows += 1
        if not self._show_stats or self._since_rows_s < STATS_S:
            return
        rate = self._frames_since_rows / self._since_rows_s
        x, y, z = view.camera.position
        rows = [
            ("look", self.pictures.look),
            ("camera", f"{self._cameras.name}  {x:.1f} {y:.1f} {z:.1f}"),
            ("frames/s", f"{rate:.1f}"),
            ("tick", f"{self.state.tick}  ({self._clock.dropped} dropped)"),
        ]
        self._rows = (*rows, *stat_rows(frame.stats))
        self._bars = reuse_bars(frame.stats)
        self._since_rows_s, self._frames_since_rows = 0.0, 0


def stat_rows(stats: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """A frame's statistics as rows of name and value."""
    rows: list[tuple[str, str]] = []
    for name, value in stats.items():
        if name == "ms" and isinstance(value, Mapping):
            rows += [(f"- {stage}", f"{took:.1f} ms") for stage, took in value.items()]
        elif isinstance(value, Mapping):
            rows.append((name, ", ".join(f"{number} {what}" for what, number in value.items())))
        elif isinstance(value, float):
            rows.append((name.removesuffix("_ms"), f"{value:.1f} ms" if name.endswith("_ms") else f"{value:.3g}"))
        else:
            rows.append((name, str(value)))
    return tuple(rows)


def reuse_bars(stats: Mapping[str, object]) -> tuple[tuple[str, float], ...]:
    """The share that was reused of every {reused, regenerated} pair in a frame's statistics."""
    bars: list[tuple[str, float]] = []
    for key, value in stats.items():
        if isinstance(value, Mapping) and {"reused", "regenerated"} <= value.keys():
            kept, made = int(value["reused"]), int(value["regenerated"])
            bars.append((f"{key} reused", kept / (kept + made) if kept + made else 1.0))
    return tuple(bars)


def _how_far(standing: Standing) -> str:
    """How far a goal has come, as it is shown."""
    if standing.is_reached:
        return "done"
    return f"{standing.done} of {standing.goal.count}" if standing.goal.count > 1 else ""
