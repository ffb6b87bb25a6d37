"""What happens: leads that members bring, and the contracts they become."""

from collections import namedtuple

# code, name, Chinese name, price in the company's currency, untaxed
SERVICES = (
    ("erp", "ERP implementation package", "ERP 实施服务包", 120000.0),
    ("mini", "Mini program development", "小程序定制开发", 80000.0),
    ("design", "Product design sprint", "产品设计冲刺", 36000.0),
    ("data", "Data platform consulting", "数据中台咨询", 200000.0),
)

# How members pass links on, in turn.
METHODS = ("wechat", "copy", "poster", "native", "qr", "weibo", "email")

# What becomes of an order, in the order of a contract's life; each step includes
# those before it up to its own.
QUOTATION, SIGNED, DOWN_PAYMENT, INVOICED, PAID, CONFIRMED, REFUSED = (
    "quotation",
    "signed",
    "down_payment",
    "invoiced",
    "paid",
    "confirmed",
    "refused",
)

# member, article, channel, days since the click, customer, contact, request (en, zh),
# verdict with a reason, orders as (service, status, days since signing)
Lead = namedtuple(
    "Lead",
    "member article channel age customer contact request request_zh verdict"
    " reason orders",
)


def _lead(
    member,
    article,
    channel,
    age,
    customer,
    contact,
    request,
    request_zh,
    verdict="valid",
    reason=None,
    orders=(),
):
    return Lead(
        member,
        article,
        channel,
        age,
        customer,
        contact,
        request,
        request_zh,
        verdict,
        reason,
        orders,
    )


LEADS = (
    _lead(
        "huang",
        "machinery",
        "wechat",
        56,
        "翰林机器人 Hanlin Robotics",
        "钱程",
        "One ERP for two workshops",
        "两个车间共用一套 ERP",
        orders=(("erp", CONFIRMED, 50), ("mini", CONFIRMED, 20)),
    ),
    _lead(
        "he",
        "machinery",
        "community",
        52,
        "东海精密 Donghai Precision",
        "沈洁",
        "Planning for a machine shop",
        "机加工车间排产",
        orders=(("erp", CONFIRMED, 44), ("design", PAID, 12)),
    ),
    _lead(
        "xie",
        "miniprogram",
        "weibo",
        43,
        "锦程家居 Jincheng Home",
        "吕彬",
        "A mini program for dealers",
        "经销商小程序",
        orders=(("mini", CONFIRMED, 36),),
    ),
    _lead(
        "deng",
        "miniprogram",
        "wechat",
        40,
        "粤味食品 Yuewei Foods",
        "蔡琳",
        "Ordering by phone is over",
        "告别电话订货",
        orders=(("mini", PAID, 26),),
    ),
    _lead(
        "tang",
        "machinery",
        "website",
        37,
        "南方电缆 Nanfang Cable",
        "卢峰",
        "ERP for cable production",
        "电缆生产 ERP",
        orders=(("erp", INVOICED, 24),),
    ),
    _lead(
        "luo",
        "einvoice",
        "wechat",
        21,
        "云帆医疗 Yunfan Medical",
        "贺敏",
        "Digital invoices and stock",
        "数电发票与库存",
        orders=(("data", DOWN_PAYMENT, 13),),
    ),
    _lead(
        "guo",
        "einvoice",
        "community",
        19,
        "甬江物流 Yongjiang Logistics",
        "葛亮",
        "Invoices for 300 customers",
        "三百家客户的开票",
        orders=(("design", SIGNED, 9),),
    ),
    _lead(
        "feng",
        "miniprogram",
        "weibo",
        33,
        "太湖酒店 Taihu Hotels",
        "陶然",
        "Booking for groups",
        "团队预订小程序",
        orders=(("mini", CONFIRMED, 22),),
    ),
    _lead(
        "huang",
        "einvoice",
        "h5",
        18,
        "晨光教育 Chenguang Education",
        "伍月",
        "Tuition and invoices",
        "学费与发票",
        orders=(("design", REFUSED, 14),),
    ),
    _lead(
        "xu",
        "agents",
        "community",
        8,
        "金陵仪表 Jinling Instruments",
        "俞凯",
        "Figures for the morning meeting",
        "晨会数据看板",
        orders=(("data", QUOTATION, 3),),
    ),
    _lead(
        "huang",
        "agents",
        "wechat",
        7,
        "西湖文创 Xihu Creative",
        "任真",
        "A shop for 40 designers",
        "四十位设计师的商店",
        orders=(("mini", SIGNED, 3),),
    ),
    _lead(
        "pan",
        "agents",
        "wechat",
        6,
        "蓉城餐饮 Rongcheng Catering",
        "邵阳",
        "Central kitchen planning",
        "中央厨房排产",
    ),
    _lead(
        "song",
        "summit",
        "community",
        4,
        "顺德电器 Shunde Appliances",
        "龙飞",
        "Visit with six colleagues",
        "六人参观开放日",
        verdict="to_review",
    ),
    _lead(
        "luo",
        "summit",
        "wechat",
        3,
        "浦江软件 Pujiang Software",
        "万里",
        "Question about interfaces",
        "接口咨询",
        verdict="to_review",
    ),
    _lead(
        "huang",
        "summit",
        "h5",
        1,
        "钱塘纺织 Qiantang Textiles",
        "郝佳",
        "Dye house without paper",
        "无纸化染整车间",
        verdict="to_review",
    ),
    _lead(
        "guo",
        "agents",
        "weibo",
        6,
        "个人 Private person",
        "匿名",
        "Homework about ERP",
        "关于 ERP 的作业",
        verdict="invalid",
        reason="学生作业，没有采购需求 / A student's homework, no purchase",
    ),
    _lead(
        "xie",
        "machinery",
        "website",
        30,
        "翰林机器人 Hanlin Robotics",
        "钱程",
        "ERP for workshops",
        "车间 ERP",
        verdict="duplicate",
        reason="已有同一公司的线索 / The same company asked before",
    ),
)

# Who becomes a distributor here: one member stands out.
TIER_RULE = {"min_valid_leads": 2, "min_contracts": 2}

REFUSAL = "客户与推荐人为关联方 / Customer and referrer are related parties"

# What members can get: key, kind, name, Chinese name, points, days a privilege lasts
REWARDS = (
    ("summit", "privilege", "Seat at the annual summit", "年度峰会席位", 300.0, 365),
    ("pro", "privilege", "Pro rights on the platform", "平台专业版权限", 500.0, 180),
    ("cash", "cash", "Cash, 100 RMB", "现金 100 元", 100.0, 0),
    ("tablet", "goods", "Tablet computer", "平板电脑", 2600.0, 0),
)

# member, reward, quantity, how far it goes, days since the request
Redemption = namedtuple("Redemption", "member reward quantity outcome age")
REDEMPTIONS = (
    Redemption("he", "summit", 1, "done", 30),
    Redemption("huang", "pro", 1, "done", 16),
    Redemption("xie", "summit", 1, "refused", 15),
    Redemption("huang", "cash", 2, "approved", 5),
    Redemption("he", "cash", 1, "submitted", 2),
)
REDEMPTION_REFUSAL = "本届峰会席位已满 / This year's summit is full"
