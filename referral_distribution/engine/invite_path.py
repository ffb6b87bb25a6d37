"""The materialised path of the invite tree, as plain strings (rules M2, M3).

A path lists the ids from the root down to the member itself, each followed by a
slash: ``"1/7/42/"`` is member 42, invited by 7, who was invited by 1. With that,
"everybody below 7" is one prefix search and "everybody above 42" needs no query.

>>> extend("1/7/", 42)
'1/7/42/'
>>> extend("", 1)
'1/'
>>> ids("1/7/42/")
[1, 7, 42]
>>> ancestors("1/7/42/")
[7, 1]
>>> ancestors("1/7/42/", limit=1), ancestors("1/7/42/", limit=0), ancestors("1/", 3)
([7], [], [])
>>> depth("1/"), depth("1/7/42/")
(0, 2)
>>> is_within("1/7/42/", "1/7/"), is_within("1/71/", "1/7/"), is_within("1/7/", "1/7/")
(True, False, True)
"""

# A member at each so many levels is an anchor: what is indexed of a path starts there.
SEGMENT = 64
# Who counts in a team: who left or was refused keeps the place, not the count.
COUNTED_STATES = ("candidate", "active", "suspended")


def extend(inviter_path: str, member_id: int) -> str:
    """Return the path of ``member_id`` below ``inviter_path`` ("" for a root)."""
    return f"{inviter_path}{member_id}/"


def ids(path: str) -> list[int]:
    """Return the ids from the root down to the member itself."""
    return [int(part) for part in path.split("/")[:-1]]


def ancestors(path: str, limit: int | None = None) -> list[int]:
    """Return the ids above the member, the nearest first, at most ``limit``."""
    above = path.split("/")[-3::-1]
    return [int(part) for part in above[:limit]]


def depth(path: str) -> int:
    """Return how many inviters stand above the member: 0 for a root."""
    return path.count("/") - 1


def is_within(path: str, top: str) -> bool:
    """Tell whether ``path`` is ``top`` itself or somebody below it."""
    return path.startswith(top)
