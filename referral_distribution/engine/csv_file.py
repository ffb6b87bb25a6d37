r"""Tables as text files: read strictly, written so that no cell is a formula.

>>> decode(b"\xef\xbb\xbfname\n", "utf-8"), decode("名".encode("gb18030"), "gb18030")
('name\n', '名')
>>> [line for line in read("a;b\n1;2\n\n", None)]
[(1, ['a', 'b']), (2, ['1', '2'])]
>>> write(["code"], [["=1+1"], ["+86"], ["ok"]])
b"\xef\xbb\xbfcode\r\n'=1+1\r\n'+86\r\nok\r\n"
>>> try:
...     decode(b"ok\n\xff\xfe", "utf-8")
... except FileFault as fault:
...     print(fault.kind, fault.line)
encoding 2
"""

import csv
import io

DELIMITERS = ",;\t"
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_UTF8_MARK = b"\xef\xbb\xbf"


class FileFault(ValueError):
    """A file that cannot be read: ``kind`` and the line, counted from 1."""

    def __init__(self, kind: str, line: int = 1):
        self.kind, self.line = kind, line
        super().__init__(kind, line)


def decode(content: bytes, encoding: str) -> str:
    """Return the text of a file.

    :param str encoding: "utf-8" (a byte order mark is dropped) or "gb18030".
    :raises FileFault: "encoding" if the bytes are not of that encoding, "nul".
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileFault("encoding")
    if encoding == "utf-8":
        content = content.removeprefix(_UTF8_MARK)
    elif _looks_like_utf8(content):
        raise FileFault("encoding")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileFault("encoding", line) from error
    if "\0" in text:
        raise FileFault("nul", text.count("\n", 0, text.index("\0")) + 1)
    return text


def _looks_like_utf8(content: bytes) -> bool:
    """Tell whether text that is not plain ASCII reads as UTF-8; GB18030 hardly does."""
    try:
        return not content.isascii() and bool(content.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def read(text: str, delimiter: str | None):
    """Yield ``(line, cells)`` of each line that is not empty.

    :param delimiter: one of ``DELIMITERS``; None: the one most frequent in the header.
    :raises FileFault: "quotes" on a quoted cell without end, or a cell beyond measure.
    """
    header = text.partition("\n")[0]
    delimiter = delimiter or max(DELIMITERS, key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise FileFault("quotes", line) from error
        if row is None:
            return
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield line, cells
        line = rows.line_num + 1


def write(header: list[str], rows) -> bytes:
    """Return a table as UTF-8 with byte order mark, as spreadsheets like it."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows([[safe(cell) for cell in row] for row in rows])
    return _UTF8_MARK + file.getvalue().encode()


def safe(cell) -> str:
    """Return a cell's text; an apostrophe keeps a spreadsheet from calculating it."""
    text = "" if cell is None or cell is False else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
