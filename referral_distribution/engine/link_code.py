"""The codes of personal links: random, and read off a poster without mistakes.

A code is never a link's alias (see ``link_alias``): it holds a capital, an alias none.
"""

import secrets

# Letters and digits without 0/O/o, 1/l/I/i: 55 signs, 69 bits in twelve of them.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz"
LENGTH = 12

_LETTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
# The same chance for each sign: what is left over of 256 is dropped.
_LEFT_OVER = bytes(range(256 - 256 % len(ALPHABET), 256))


def generate(count: int, draw=secrets.token_bytes) -> list[str]:
    """Return random codes; nobody looked yet whether they are taken.

    :param draw: what returns so many random bytes.

    >>> [code] = generate(1)
    >>> len(code), set(code) <= set(ALPHABET), code.lower() == code
    (12, True, False)
    >>> generate(2, draw=lambda size: bytes(range(8, 256)) * (size // 248 + 1))
    ['ABCDEFGHJKLM', 'NPQRSTUVWXYZ']
    >>> generate(0)
    []

    The bits of a code, those that would look like an alias left out:

    >>> import math
    >>> capitals = sum(sign.isupper() for sign in ALPHABET)
    >>> usable = len(ALPHABET) ** LENGTH - (len(ALPHABET) - capitals) ** LENGTH
    >>> math.log2(usable) > 60
    True
    """
    codes = []
    while len(codes) < count:
        noise = draw((count - len(codes)) * LENGTH * 5 // 4 + 64)
        signs = noise.translate(None, _LEFT_OVER).translate(_LETTERS).decode()
        for at in range(0, len(signs) - LENGTH + 1, LENGTH):
            code = signs[at : at + LENGTH]
            if code != code.lower():
                codes.append(code)
    return codes[:count]
