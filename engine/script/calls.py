"""How functions are called: those of the world file, of the library and of the engine."""

from collections.abc import Callable
from typing import Any, Final

from engine.script.budget import HOST_CALL_STEPS, MAX_FRAMES, Budget, Fault
from engine.script.objects import Builtin, Dict, Frame, Function, a_kind, inward, outward
from engine.script.values import hint

CALL_FRAMES: Final = 4  # levels of Python that one call takes


def bound(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], run: Budget) -> dict[str, Any]:
    """The variables with which a function begins. Fault where the arguments do not fit."""
    names = function.names
    if len(args) == len(names) and not kwargs and function.is_plain:
        return dict(zip(names, args, strict=True))
    if len(args) > len(names) and function.more is None:
        raise Fault(f"{function.takes()} takes {len(names)} values, not {len(args)}")
    found = dict(zip(names, args, strict=False))
    if function.more is not None:
        found[function.more] = args[len(names) :]
    extra: dict[str, Any] = {}
    for name, value in kwargs.items():
        if name in found and name in names:
            raise Fault(f"{function.takes()} is given '{name}' twice")
        if name in names or name in function.keywords:
            found[name] = value
        elif function.extra is not None:
            extra[name] = value
        else:
            known = (*names, *function.keywords)
            raise Fault(f"{function.name}() takes no argument '{name}'{hint(name, known)}")
    if function.extra is not None:
        found[function.extra] = Dict(extra, run.era)
    for name in (*names, *function.keywords):
        if name not in found:
            if name not in function.defaults:
                raise Fault(f"{function.takes()} is missing its value '{name}'")
            found[name] = function.defaults[name]
    return found


def evaluate(run: Budget, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs a function written in a world file."""
    run.charge(4)
    names = bound(function, args, kwargs, run)
    run.depth += function.frames
    try:
        if run.depth > MAX_FRAMES:
            raise Fault("calls are nested too deeply here: the stack would overflow; does a function call itself?")
        result = function.body(Frame(run, function.up, names))
    finally:
        run.depth -= function.frames
    return result


def invoke(run: Budget, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls what a script calls."""
    teller = run.teller
    if isinstance(function, Function):
        if teller is not None and function.label is not None:
            return teller.call(run, function, args, kwargs, evaluate)
        return evaluate(run, function, args, kwargs)
    if isinstance(function, Builtin):
        if function.is_host:
            run.charge(HOST_CALL_STEPS)
            if function.name != "on":  # the one that takes a function
                args, kwargs = tuple([outward(run, a) for a in args]), {k: outward(run, v) for k, v in kwargs.items()}
            answer = function.call(*args, **kwargs) if teller is None else teller.tell(run, function, args, kwargs)
            return inward(run, answer)
        run.depth += CALL_FRAMES
        try:
            return plainly(function.call, f"{function.name}()", run, args, kwargs)
        finally:
            run.depth -= CALL_FRAMES
    raise Fault(f"{a_kind(function)} cannot be called")


def plainly(call: Callable[..., Any], name: str, run: Budget, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a function of ours; arguments that it does not take are a Fault."""
    try:
        return call(run, *args, **kwargs)
    except TypeError as error:
        trace = error.__traceback__
        if trace is not None and trace.tb_next is None:  # raised by the call itself, not inside it
            said = str(error).split("() ", 1)[-1].replace(" positional", "")
            raise Fault(f"{name} {said}") from None
        raise
