"""Which rows of a history a reader wants to see as one."""

from collections.abc import Callable, Iterable

LEAST = 3  # two of a kind are read faster than what was folded


def runs(rows: Iterable, is_alike: Callable, least: int = LEAST) -> list[list]:
    """Return ``rows`` in groups: neighbours that are alike together, others alone.

    :param is_alike: tells of a row and the one after it whether they are of a kind.
    :param least: fewer than that in a row stay alone.

    >>> runs("aaabba", lambda one, other: one == other)
    [['a', 'a', 'a'], ['b'], ['b'], ['a']]
    >>> runs([1, 2, 3, 9], lambda one, other: other - one < 2, least=2)
    [[1, 2, 3], [9]]
    >>> runs([], lambda one, other: True)
    []
    """
    groups = []
    for row in rows:
        if groups and is_alike(groups[-1][-1], row):
            groups[-1].append(row)
        else:
            groups.append([row])
    return [
        part
        for group in groups
        for part in ([group] if len(group) >= least else [[row] for row in group])
    ]
