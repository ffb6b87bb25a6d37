r"""What a line of text from outside may be: an API's argument, a cell of a file.

>>> fault("王伟", 10), fault("x" * 11, 10), fault(7, 10), fault(True, 10)
('', 'long', 'type', 'type')
>>> fault("a\x00b", 10), fault("a\nb", 10), fault("\ud800", 10), fault(None, 10)
('control', 'control', 'control', 'type')
"""

import re

# Control characters, line and paragraph separators, halves of surrogate pairs.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def fault(value, limit: int) -> str:
    """Return what is wrong with a value: "type", "long", "control", or "".

    :param value: anything.
    :param int limit: characters at most.
    """
    if not isinstance(value, str):
        return "type"
    if len(value) > limit:
        return "long"
    return "control" if _CONTROL.search(value) else ""
