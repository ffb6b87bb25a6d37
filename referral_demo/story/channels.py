"""Which partner channels are being won, and what the one that cooperates has brought."""

from collections import namedtuple

from .business import CONFIRMED, SIGNED, _lead

PARTNER = "行业洞察传媒 Industry Insight Media"
COLLEAGUE = "林夏 Lin Xia"
LOGIN = "partner"
# Days since the cooperation began, days until it ends.
PERIOD = (90, 24)
LEAD_FEE, DEAL_SHARE = 100.0, 2.0
NEXT = "约时间聊合作 Talk about working together"

# name, Chinese name, platform, stage, fit, readers, contact, WeChat id, who reads it
# (English, Chinese)
Channel = namedtuple(
    "Channel", "name chinese platform stage fit readers contact wechat audience"
)
COOPERATING = Channel(
    "Industry Insight Weekly",
    "行业洞察周刊",
    "media",
    "cooperating",
    "3",
    86000,
    "林夏",
    "insight-linxia",
    ("Heads of IT in manufacturing", "制造企业的信息化负责人"),
)
WON_OVER = (
    Channel(
        "Jiangnan CEO Club",
        "江南 CEO 俱乐部",
        "club",
        "negotiating",
        "3",
        420,
        "陆远",
        "jn-ceo-lu",
        ("Owners of 400 machine shops", "四百家机加工企业的老板"),
    ),
    Channel(
        "Old Wang on Factories",
        "老王聊工厂",
        "weibo",
        "negotiating",
        "2",
        530000,
        "王老师",
        "laowang-gc",
        ("Workshop managers and engineers", "车间主任和工程师"),
    ),
    Channel(
        "Xinyuan PR",
        "新元公关",
        "agency",
        "contacted",
        "1",
        0,
        "杜若",
        "",
        ("Its customers, mostly consumer brands", "其客户，多为消费品牌"),
    ),
    Channel(
        "Professor Gu",
        "顾教授",
        "expert",
        "contacted",
        "3",
        12000,
        "顾明",
        "prof-gu",
        ("Plant managers who studied with him", "听过他课的厂长"),
    ),
    Channel(
        "The Smart Factory",
        "智能工厂专栏",
        "zhihu",
        "prospect",
        "2",
        47000,
        "",
        "",
        ("Young engineers", "年轻工程师"),
    ),
    Channel(
        "Tales from the Workshop",
        "工厂那些事",
        "toutiao",
        "ended",
        "1",
        210000,
        "胡兵",
        "",
        ("Everybody", "大众读者"),
    ),
)
# Kinds that the channels above stand for; the others wait to be looked into.
FOUND = ("industry_media", "ceo_club", "weibo_influencer", "pr_agency", "expert")
FOUND += ("zhihu", "toutiao", "wechat_account")

LEADS = (
    _lead(
        "partner",
        "machinery",
        "partner",
        54,
        "锡山轴承 Xishan Bearings",
        "范磊",
        "Read about the machine shop",
        "看到机加工案例",
        orders=(("design", CONFIRMED, 46), ("mini", CONFIRMED, 27)),
    ),
    _lead(
        "partner",
        "einvoice",
        "partner",
        17,
        "虹桥包装 Hongqiao Packaging",
        "梅雪",
        "Invoices and the ERP in one",
        "开票与 ERP 打通",
        orders=(("erp", SIGNED, 6),),
    ),
    _lead(
        "partner",
        "agents",
        "partner",
        9,
        "嘉定泵业 Jiading Pumps",
        "方卓",
        "Spare parts on call",
        "备件预测",
    ),
    _lead(
        "partner",
        "summit",
        "partner",
        2,
        "临港模具 Lingang Moulds",
        "钟灵",
        "A visit with the owner",
        "老板参观开放日",
        verdict="to_review",
    ),
)
