"""Who is in the story."""

from collections import namedtuple

PASSWORD = "demo"

# group: what the person may do; page: where the working day starts
Staff = namedtuple("Staff", "login name groups")
STAFF = (
    Staff("manager", "陈伟 Chen Wei", ("group_manager",)),
    Staff("sales", "王芳 Wang Fang", ("group_sales",)),
    Staff("finance", "李静 Li Jing", ("group_finance",)),
    Staff("controller", "郑毅 Zheng Yi", ("group_finance",)),
    Staff("cashier", "高敏 Gao Min", ("group_finance",)),
    Staff("content", "赵颖 Zhao Ying", ("group_content_operator",)),
    Staff("media", "孙磊 Sun Lei", ("group_media_operator",)),
)

# key, name, tier, inviter, city, state of the membership, accepts commissions,
# portal login, days since joining
Member = namedtuple("Member", "key name tier inviter city state accepts login joined")


def _member(key, name, tier, inviter, city, joined, **other):
    values = {"state": "active", "accepts": True, "login": None, **other}
    return Member(key, name, tier, inviter, city, joined=joined, **values)


MEMBERS = (
    _member("zhou", "周强 Zhou Qiang", "agent", None, "上海", 180, login="agent"),
    _member("wu", "吴昊 Wu Hao", "agent", None, "深圳", 176),
    _member("jiang", "蒋岚 Jiang Lan", "agent", None, "成都", 168),
    _member(
        "lin", "林梅 Lin Mei", "distributor", "zhou", "杭州", 150, login="distributor"
    ),
    _member("ma", "马丽 Ma Li", "distributor", "zhou", "苏州", 146),
    _member("tang", "唐欣 Tang Xin", "distributor", "wu", "广州", 140),
    _member("huang", "黄蕾 Huang Lei", "member", "lin", "杭州", 120, login="member"),
    _member("guo", "郭涛 Guo Tao", "member", "lin", "宁波", 112),
    _member("xie", "谢宇 Xie Yu", "member", "ma", "苏州", 104),
    _member("feng", "冯雪 Feng Xue", "member", "ma", "无锡", 96, accepts=False),
    _member("deng", "邓超 Deng Chao", "member", "tang", "广州", 92),
    _member("he", "何俊 He Jun", "member", "huang", "杭州", 84),
    _member("luo", "罗丹 Luo Dan", "member", "huang", "上海", 70),
    _member("xu", "许诺 Xu Nuo", "member", "he", "南京", 48),
    _member("song", "宋哲 Song Zhe", "member", "deng", "佛山", 40),
    _member("pan", "潘雨 Pan Yu", "member", "jiang", "成都", 36),
    _member("qin", "秦川 Qin Chuan", "member", "xie", "苏州", 60, state="suspended"),
    _member("yuan", "袁野 Yuan Ye", "member", "luo", "上海", 2, state="candidate"),
)
