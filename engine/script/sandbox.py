"""The sandbox: evaluates a world file and what it loads, then calls its functions by name, all within counted budgets.

What a script can do is bounded in steps, in the size of each value, in depth and, as sizes are paid for in steps, in
memory; never by a clock, so that a cut repeats exactly. It reaches nothing but the functions in `hosts`.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from engine.core.errors import DaguerreError, LimitError, WorldFileError
from engine.script.budget import Budget, Fault
from engine.script.calls import invoke
from engine.script.evaluator import Compiler
from engine.script.library import library
from engine.script.objects import Builtin, Frame, Function
from engine.script.reading import MAX_WORDS, error_at, read, words_of
from engine.script.tapes import Tapes, Teller
from engine.script.values import hint

MAX_FILES: Final = 32  # of one world
MAX_LOADS_DEEP: Final = 8

Host = Callable[..., object]


def friendly(name: str, function: Host) -> Host:
    """A host function whose wrong arguments are answered in the author's terms."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        try:
            return function(*args, **kwargs)
        except TypeError as wrong:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                unknown = next((k for k in kwargs if k not in signature.parameters), None)
                if unknown is not None:
                    near = hint(unknown, signature.parameters)
                    raise WorldFileError(f"{name}() takes no argument '{unknown}'{near}") from None
                takes = ", ".join(signature.parameters)
                raise WorldFileError(f"{name}(): {error}; it takes ({takes})") from None
            raise WorldFileError(f"{name}() was given something of another kind than it takes ({wrong})") from None
        except (DaguerreError, MemoryError):
            raise
        except Exception as error:  # not the author's fault, and the text must not look as if it were
            raise WorldFileError(f"{name}() failed inside the engine: {type(error).__name__}: {error}") from error

    return call


@dataclass
class Sandbox:
    """Evaluates one world file and what it loads; afterwards its functions can be called by name."""

    hosts: Mapping[str, Host]
    read: Callable[[str], str]  # text of a loaded file; raises WorldFileError for what may not be loaded
    texts: dict[str, str] = field(default_factory=dict)  # every text that was read, by the name errors use
    budget: Budget = field(default_factory=lambda: Budget(0))  # of the evaluation that runs now
    tapes: Tapes = field(default_factory=Tapes)  # of the reading
    _words: dict[str, Builtin] = field(default_factory=dict)
    _modules: dict[str, dict[str, Any]] = field(default_factory=dict)
    _loading: list[str] = field(default_factory=list)
    _names: dict[str, Any] = field(default_factory=dict)  # what the main file has bound
    _libraries: bytes = b""  # digest of those that were read to their end, and of all that they were answered

    def run(self, name: str, text: str, steps: int, known: Tapes | None = None) -> None:
        """Evaluates the main file; from then on all that it made is frozen. `known` is of an earlier reading."""
        self._words = library(invoke)
        self._words |= {host: Builtin(host, function, is_host=True) for host, function in self.hosts.items()}
        self.budget = Budget(steps)
        self.budget.teller = Teller({n: w for n, w in self._words.items() if w.is_host}, known or Tapes())
        self.tapes = self.budget.teller.tapes
        self._guarded(lambda: self._evaluate(name, text, self._names))
        self.budget.teller = None

    def function(self, name: str) -> Function | None:
        """A top-level function of the main file, or one that it loaded; None where there is none of that name."""
        found = self._names.get(name)
        return found if isinstance(found, Function) and not name.startswith("_") else None

    def functions(self) -> list[str]:
        """Names of all functions of the main file that can be called."""
        return [name for name in self._names if self.function(name) is not None]

    def call(self, handler: str, args: tuple[int | float | str | bool, ...], budget: Budget) -> object:
        """Calls a function of the main file; failures are WorldFileErrors that say where."""
        function = self.function(handler)
        if function is None:
            raise WorldFileError(f"there is no function '{handler}'")
        self.budget = budget
        return self._guarded(lambda: invoke(budget, function, args, {}))

    def _guarded(self, work: Callable[[], object]) -> object:
        try:
            return work()
        except Fault as fault:
            if fault.place is None:
                raise WorldFileError(fault.message) from None
            raise error_at(fault.message, fault.place, self.texts.get(fault.place[0], "")) from None
        except RecursionError:  # MAX_FRAMES should have cut it; the caller itself may stand deep
            raise WorldFileError("this is nested too deeply") from None
        except (DaguerreError, MemoryError):
            raise
        except Exception as error:  # a fault of ours must not end the world
            raise WorldFileError(f"this failed inside the engine: {type(error).__name__}: {error}") from error

    def _evaluate(self, name: str, text: str, names: dict[str, Any]) -> None:
        self.texts[name] = text
        if len(self.texts) > MAX_FILES:
            raise LimitError(f"a world may be made of {MAX_FILES} files, not more")
        if sum(words_of(t) for t in self.texts.values()) > MAX_WORDS:
            raise LimitError(f"a world may have {MAX_WORDS:,} words and signs in all its files, not more")
        code = Compiler(read(name, text), self._words, names, self._load).module()
        outer, self.budget.era = self.budget.era, object()
        code(Frame(self.budget, None, {}))
        self.budget.era = outer  # what this file has made is frozen

    def _load(self, budget: Budget, wanted: str) -> Mapping[str, Any]:
        if wanted in self._loading:
            raise WorldFileError(f"'{wanted}' loads itself, by way of {' -> '.join(self._loading)}")
        if len(self._loading) >= MAX_LOADS_DEEP:
            raise LimitError(f"files may load files {MAX_LOADS_DEEP} deep, not deeper")
        if wanted not in self._modules:
            self._loading.append(wanted)
            try:
                self._modules[wanted] = self._library(wanted, self.read(wanted))
            finally:
                self._loading.pop()
        return self._modules[wanted]

    def _library(self, name: str, text: str) -> dict[str, Any]:
        """What a library binds. Its functions are known by all that they could have got anything from: the libraries
        up to here, and what the engine answered while they were read.
        """
        names: dict[str, Any] = {}
        begin = len(self.tapes.told)
        self._evaluate(name, text, names)
        answers = [told.answer for told in self.tapes.told[begin:]]
        self._libraries = sha256(repr((self._libraries, name, text, answers)).encode()).digest()
        for label, value in names.items():
            if isinstance(value, Function) and value.label is None:
                value.label = self._libraries, label
        return names
