"""What commands say: results to standard output, everything else to standard error."""

import json
import sys
from typing import Any


def say(text: str) -> None:
    """A line for people: standard error."""
    print(text, file=sys.stderr, flush=True)


def answer(as_json: bool, result: dict[str, Any], text: str) -> None:
    """The result of a command, as an object for machines or as text for people: standard output."""
    print(json.dumps(result, allow_nan=False) if as_json else text, flush=True)
