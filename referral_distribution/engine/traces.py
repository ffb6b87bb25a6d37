"""Finding a person's name, e-mail and phone in running text, to take them out.

>>> traces = Traces(names=("Li Lei",), emails=("li@x.cn",), phones=("138 0013 8000",))
>>> traces.erase("Dear Li Lei (LI@x.cn, 13800138000), Li Leipzig is not you", "**")
'Dear ** (**, **), Li Leipzig is not you'
>>> traces.erase("ali@x.cn and li@x.cnn are others", "**")
'ali@x.cn and li@x.cnn are others'
"""

import re
from dataclasses import dataclass

# What people write between the digits of a phone number.
_BETWEEN_DIGITS = r"[\s\-()./\u00a0]*"
_FEWEST_DIGITS = 7


@dataclass(frozen=True)
class Traces:
    """What a person can be recognised by in text that others wrote."""

    names: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()

    def erase(self, text: str, replacement: str, names: bool = True) -> str:
        """Return ``text`` with every trace replaced.

        :param names: leave out where the text may be about a namesake.

        >>> Traces(names=("王伟",)).erase("会员王伟的线索", "**")
        '会员**的线索'
        >>> Traces(names=("王伟",)).erase("会员王伟的线索", "**", names=False)
        '会员王伟的线索'
        """
        for pattern in self._patterns(names):
            text = pattern.sub(lambda _match: replacement, text)
        return text

    def _patterns(self, names):
        for email in filter(None, self.emails):
            yield re.compile(rf"(?<![\w.+-]){re.escape(email)}(?![\w-])", re.IGNORECASE)
        for phone in filter(None, self.phones):
            digits = [character for character in phone if character.isdecimal()]
            if len(digits) >= _FEWEST_DIGITS:
                number = _BETWEEN_DIGITS.join(digits)
                yield re.compile(rf"(?<!\d)\+?{number}(?!\d)")
        for name in filter(None, self.names if names else ()):
            # Chinese has no spaces between words; a letter next to a Latin name
            # makes it another word.
            before = r"(?<![^\W\d_])" if name[0].isascii() else ""
            after = r"(?![^\W\d_])" if name[-1].isascii() else ""
            yield re.compile(before + re.escape(name) + after)
