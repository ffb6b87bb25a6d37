"""How rewards in money are paid out, and what came in between."""

from collections import namedtuple

# name, Chinese name; trigger of each rule that pays what is agreed with a channel
PLAN = ("Partner plan", "渠道合作方案")
RULES = (
    ("lead_valid", "Valid lead of a partner channel", "渠道有效线索"),
    ("contract", "Contract from a partner channel", "渠道成交合同"),
)
MINIMUM = 50.0

# Whose accounts finance has checked: key of the member, bank, number.
BANKS = (
    ("partner", "招商银行", "622588 0012 3344 5566"),
    ("huang", "中国工商银行", "622202 1202 0098 7654"),
    ("he", "杭州银行", "603367 1000 2468 1357"),
)

# How far a settlement gets.
DRAFT, SUBMITTED, APPROVED, PAID = range(4)

# Weeks end on one of seven days; whichever it is, all before has become due by then.
# age of the run, how far the settlements of that day get
Run = namedtuple("Run", "age reach")
RUNS = (
    Run(45, {"partner": PAID}),
    Run(31, {"partner": PAID}),
    Run(9, {"partner": SUBMITTED, "huang": PAID, "he": APPROVED}),
    Run(0.7, {"partner": DRAFT}),
)

# What no rule pays: member, amount in the company's currency, reason, days ago
Grant = namedtuple("Grant", "member amount reason age")
GRANTS = (
    Grant("huang", 800.0, "组织杭州客户沙龙，场地由本人提供", 12),
    Grant("he", 500.0, "陪同客户考察样板车间两天", 11),
)

# The customer was given something back while the reward was on its way: lead, service,
# share of the amount, days ago.
REFUND = ("Read about the machine shop", "mini", 0.3, 3)
REFUND_REASON = "一期减项：不做数据看板 / Dashboard left out"

# Agreed with one person, today or for later: who, for which customer, level, per cent,
# first day, last day (days ahead)
Rate = namedtuple("Rate", "member customer level rate start end")
RATES = (
    Rate("tang", "南方电缆 Nanfang Cable", 0, 0.8, 0, 365),
    Rate("jiang", None, 1, 12.0, 0, None),
    Rate("ma", None, 0, 0.6, 30, 90),
)
