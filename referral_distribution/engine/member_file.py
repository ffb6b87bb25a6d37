"""What a file of members says: its columns, and who invited whom within it.

>>> columns(["姓名", "E-Mail", "邀请码"])
({'name': 0, 'email': 1, 'inviter_code': 2}, [])
>>> columns(["Name", "Shoe size", "name"])
({'name': 0}, ['Shoe size', 'name'])
>>> find_loops({1: 2, 2: 3, 3: 2, 4: 4, 5: 1})
[2, 3, 4]
"""

from dataclasses import dataclass

# Column: what its header may be, as people write it. The first two are the template's.
HEADERS = {
    "name": ("Name", "姓名", "full name", "名称", "会员"),
    "email": ("E-mail", "邮箱", "email", "电子邮箱", "电子邮件"),
    "phone": ("Phone", "手机", "mobile", "电话", "手机号", "联系电话"),
    "tier": ("Tier", "级别", "level", "grade", "等级"),
    "inviter_code": ("Invite code", "邀请码", "inviter code", "邀请人邀请码"),
    "inviter_email": ("Inviter e-mail", "邀请人邮箱", "inviter email"),
    "external_ref": ("External reference", "外部编号", "external ref", "编号"),
}
# Characters that each cell may have.
LIMITS = {
    "name": 128,
    "email": 254,
    "phone": 32,
    "tier": 64,
    "inviter_code": 64,
    "inviter_email": 254,
    "external_ref": 128,
}


@dataclass
class Line:
    """One line of the file, and what was found out about it."""

    number: int
    name: str = ""
    email: str = ""
    phone: str = ""
    tier: str = ""
    inviter_code: str = ""
    inviter_email: str = ""
    external_ref: str = ""
    # found out: the normalised address and number, ids of tier, inviter and code
    mail: str = ""
    number_dialled: str = ""
    grade_id: int | None = None
    inviter_id: int | None = None
    code_id: int | None = None  # a single-use code, to be used up
    inviter_line: int | None = None  # index of the inviter among the lines


def columns(header: list[str]) -> tuple[dict[str, int], list[str]]:
    """Return the place of each known column, and the headers that are none."""

    def plain(text):
        return "".join(text.lower().replace("-", "").replace("_", "").split())

    known = {plain(text): name for name, texts in HEADERS.items() for text in texts}
    known |= {plain(name): name for name in HEADERS}
    places, strange = {}, []
    for place, text in enumerate(header):
        name = known.get(plain(text))
        if name and name not in places:
            places[name] = place
        elif text:
            strange.append(text)
    return places, strange


def find_loops(inviters: dict[int, int]) -> list[int]:
    """Return who, through its inviters, would invite itself (rule M3).

    :param inviters: ``{line: inviter's line}``.
    """
    state, loops = {}, []  # line: the walk that met it first
    for start in inviters:
        line = start
        while line in inviters and line not in state:
            state[line] = start
            line = inviters[line]
        if state.get(line) == start:  # met on this very walk: a loop
            first = line
            while True:
                loops.append(line)
                line = inviters[line]
                if line == first:
                    break
    return sorted(loops)
