"""What the attribution cookie says, and whom it credits; Odoo signs and verifies it.

Three touches are kept of a visitor who comes through several members' links: the
first of an unbroken row of visits, the last, and the one that a first touch with an
end of its own protects (rule L1). A visit without a link is no touch, so it never
erases one (threat C5).

Moments are seconds since 1970 in UTC, windows are seconds. A touch is alive for less
than a window; a row of visits is unbroken while each came less than a window after
the one before. A clock that was put back makes no touch immortal: moments more than
a window ahead are dead too.

>>> day, window = 86400, 30 * 86400
>>> a = Touches().touch(7, 1000 * day, window)
>>> b = a.touch(8, 1020 * day, window)
>>> [touch.link for touch in (b.first, b.held, b.last)]
[7, 7, 8]
>>> c = b.touch(9, 1040 * day, window)  # the first has had its time: the next is held
>>> [touch.link for touch in (c.first, c.held, c.last)]
[7, 8, 9]
>>> c.touch(9, 1070 * day, window).first.link  # nobody came for 30 days: a new row
9

Each policy on the three of them a day later, and once the last is forgotten:

>>> for policy in POLICIES:
...     found = [touch.link for touch in credit(c, policy, 1041 * day, window)]
...     print(policy, found, credit(c, policy, 1070 * day, window))
last [9, 8] ()
first [7, 8, 9] ()
first_unless_expired [8, 9] ()

>>> Touches.from_payload(c.to_payload()) == c
True
>>> [Touches.from_payload(junk) for junk in (None, 3, [1, 2], [1, 7, 1000, 7, 1000],
...     [True, 1, 1, 1, 1, 1, 1], [1, -1, 1, 1, 1, 1, 1], [2, 7, 1, 7, 1, 7, 1])]
[None, None, None, None, None, None, None]
"""

from typing import NamedTuple

POLICIES = ("last", "first", "first_unless_expired")
_VERSION = 1
_MOST = 2**40  # beyond any id and moment, far below what a float or a database rounds


class Touch(NamedTuple):
    """One visit through a link: the link's database id, and when."""

    link: int = 0
    at: int = 0

    def is_alive(self, now: int, window: int) -> bool:
        """Tell whether this touch still counts ``now``."""
        return bool(self.link) and abs(now - self.at) < window


class Touches(NamedTuple):
    """What is kept of a visitor's touches; without any, all three are empty."""

    first: Touch = Touch()
    held: Touch = Touch()
    last: Touch = Touch()

    def touch(self, link: int, at: int, window: int) -> "Touches":
        """Return these touches with one more.

        The last moves. The first stays while the row is unbroken. What is held stays
        for a window from its own moment; then the touch that was the last by then
        takes its place.
        """
        new = Touch(link, at)
        if not self.last.is_alive(at, window):
            return Touches(new, new, new)
        held = self.held if self.held.is_alive(at, window) else self.last
        return Touches(self.first, held, new)

    def to_payload(self) -> list[int]:
        """Return plain numbers for the signer: the version, then each touch."""
        return [_VERSION, *self.first, *self.held, *self.last]

    @classmethod
    def from_payload(cls, payload) -> "Touches | None":
        """Read the numbers back; anything else is as if there were none."""
        if not isinstance(payload, list) or len(payload) != 7:
            return None
        if any(type(value) is not int or not 0 < value < _MOST for value in payload):
            return None
        version, *numbers = payload
        if version != _VERSION:
            return None
        return cls(*map(Touch._make, zip(numbers[::2], numbers[1::2], strict=True)))


def credit(touches: Touches, policy: str, now: int, window: int) -> tuple[Touch, ...]:
    """Return the touches that may be credited, the one the policy names first.

    Who credits takes the first whose link is still open: one that was closed, or
    whose owner takes no part any more, is passed over for the next.

    :param policy: "last": the last touch. "first": the first one, as long as the
        visitor keeps coming within the window. "first_unless_expired": the first one
        for a window from its own moment, then the last.
    :return: touches of different links; empty when nobody came within the window.
    :raises ValueError: for a policy that does not exist.
    """
    if policy not in POLICIES:
        raise ValueError(f"no such policy: {policy!r}")
    if not touches.last.is_alive(now, window):
        return ()
    alive = [
        touch for touch in (touches.held, touches.last) if touch.is_alive(now, window)
    ]
    if policy == "last":
        alive.reverse()
    elif policy == "first":
        alive.insert(0, touches.first)
    found = {}
    for touch in alive:
        found.setdefault(touch.link, touch)
    return tuple(found.values())
