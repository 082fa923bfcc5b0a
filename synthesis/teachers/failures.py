"""Why a request got no answer, and whether it may have been paid for.

Failure                   try again; charged unless the server said that it did nothing
├── Busy                  the server said wait: fewer requests at a time
├── Erring                an error of the server's own
├── Unreachable           no connection
├── TimedOut              no answer within the deadline: fewer at a time, and perhaps paid for
├── Broken                cut off, half an answer, no JSON: perhaps paid for
├── Refused               the server will never answer this one: not asked again
└── Impossible            no request can succeed: wrong key, address or model
"""

from __future__ import annotations


class Failure(Exception):
    """A request got no answer. charged: whether it counts as paid for, since nobody knows that it was not."""

    charged = False
    again = True
    slow_down = False


class Busy(Failure):
    """429 or 503: too many at a time. wait_seconds: what it asks to wait, if it does."""

    slow_down = True

    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class Erring(Failure):
    """An error of the server's own (500, 502 …): it did nothing that is billed, and may work in a moment."""


class TimedOut(Failure):
    """Nothing came within the deadline."""

    charged = True
    slow_down = True


class Broken(Failure):
    """Something came that is not a whole answer, or the connection was cut."""

    charged = True


class Unreachable(Failure):
    """There was no connection at all, so nothing was sent."""

    slow_down = True


class Refused(Failure):
    """The server refuses this request as it stands."""

    again = False


class Impossible(Failure):
    """No request can succeed; the message says what to change."""

    again = False
