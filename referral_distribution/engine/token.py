"""What the attribution cookie says, as plain values; Odoo signs and verifies it.

The visitor's first and last touch are kept side by side, so that a later visit
through another member's link never erases who came first (rule L1).

>>> touches = Touches().touch(7, 1000).touch(9, 2000)
>>> touches
Touches(first_link=7, first_at=1000, last_link=9, last_at=2000)
>>> Touches.from_payload(touches.to_payload()) == touches
True
>>> [Touches.from_payload(junk) for junk in (None, 3, [1, 2], [1, 2, 3, "x"],
...                                          [True, 1, 1, 1], [-1, 1, 1, 1])]
[None, None, None, None, None, None]
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Touches:
    """Database ids of the links and the moments (UTC, seconds since 1970)."""

    first_link: int = 0
    first_at: int = 0
    last_link: int = 0
    last_at: int = 0

    def touch(self, link_id: int, at: int) -> "Touches":
        """Return these touches with one more: the first stays, the last moves."""
        if not self.first_link:
            return Touches(link_id, at, link_id, at)
        return replace(self, last_link=link_id, last_at=at)

    def to_payload(self) -> list[int]:
        """Return the four numbers for the signer."""
        return [self.first_link, self.first_at, self.last_link, self.last_at]

    @classmethod
    def from_payload(cls, payload) -> "Touches | None":
        """Read four numbers back; anything else is as if there were none."""
        if not isinstance(payload, list) or len(payload) != 4:
            return None
        if any(type(value) is not int or not 0 < value < 2**40 for value in payload):
            return None
        return cls(*payload)
