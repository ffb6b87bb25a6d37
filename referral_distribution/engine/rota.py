"""Whose turn it is, in plain Python (rule L2).

Turns are numbers that a counter gives out, each once and to one caller, so that two
who ask at the same moment never get the same one. Modulo the length of the ring they
name a member. Who cannot take a lead loses the turn and the next number decides, so
that one who is away gives nobody twice as many:

>>> numbers = iter(range(100))
>>> def take(count):
...     return [next(numbers) for _ in range(count)]
>>> deal("ABC", [{"A", "B"}] * 4, {}, take)
['A', 'B', 'A', 'B']

Nor does who alone takes every second lead get the others, too:

>>> numbers = iter(range(100))
>>> deal("AB", [{"A", "B"}, {"A"}] * 3, {}, take)
['A', 'A', 'B', 'A', 'B', 'A']

A member takes what there is room for; then the others do, and at last nobody:

>>> numbers = iter(range(100))
>>> deal("AB", [{"A", "B"}] * 4, {"A": 1, "B": 2}, take)
['A', 'B', 'B', None]
"""

from collections.abc import Callable, Collection, Hashable, Sequence


def deal(
    ring: Sequence[Hashable],
    wishes: Sequence[Collection[Hashable]],
    rooms: dict[Hashable, int],
    take: Callable[[int], list[int]],
) -> list[Hashable | None]:
    """Return who takes each lead.

    :param ring: the members, in an order that stays.
    :param wishes: of each lead, the members who may take it.
    :param rooms: how many leads a member may still take; who is not there: any number.
    :param take: returns that many turns.
    """
    rooms, turns, dealt = dict(rooms), [], []
    for number, takers in enumerate(wishes):
        able = [one for one in ring if one in takers and rooms.get(one, 1) > 0]
        chosen = able[0] if able else None
        # others take turns at the same time: that ours miss all who are able twice
        # around is possible, and then the first of them has to do
        for _try in range(2 * len(ring) if able else 0):
            turns = turns or take(len(wishes) - number)
            one = ring[turns.pop(0) % len(ring)]
            if one in able:
                chosen = one
                break
        if chosen in rooms:
            rooms[chosen] -= 1
        dealt.append(chosen)
    return dealt
