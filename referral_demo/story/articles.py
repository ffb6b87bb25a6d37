"""What the company publishes, in both languages."""

from collections import namedtuple

# kind, days since it was published (None: still in the work), review state
Article = namedtuple(
    "Article", "key kind age review title subtitle body title_zh subtitle_zh body_zh"
)

ARTICLES = (
    Article(
        "machinery",
        "service_package",
        58,
        "approved",
        "How a machinery maker cut delivery time by a third",
        "One ERP for orders, stock and workshop: what we did, and who did it",
        (
            (
                "Hanlin Robotics took orders by phone, planned in spreadsheets and found"
                " out about missing parts on the day of delivery. Four people from both"
                " sides spent six weeks on one question: which figure does each desk need"
                " at eight in the morning?"
            ),
            (
                "We put orders, purchasing and the workshop on one system. Planners now see"
                " three weeks ahead, purchasing is told what is short before it is short,"
                " and the customer sees the same date as the foreman."
            ),
            (
                "After one quarter the average delivery time fell from 45 to 30 days and"
                " late deliveries from 22 to 4 in a hundred. The package holds the project"
                " plan, the data templates and the training we used."
            ),
        ),
        "一家机械厂如何把交期缩短三分之一",
        "订单、库存、车间一套系统：我们做了什么，谁来做的",
        (
            (
                "翰林机器人过去靠电话接单、靠表格排产，缺料往往到交货当天才发现。双方四个人用六周"
                "时间只回答一个问题：每个岗位早上八点需要看到哪个数字？"
            ),
            (
                "我们把订单、采购和车间放进同一套系统。计划员能看到未来三周，采购在缺料之前就收到"
                "提醒，客户看到的交期和班组长看到的是同一个日期。"
            ),
            (
                "一个季度之后，平均交期从 45 天降到 30 天，逾期率从 22% 降到 4%。服务包包含项目计划、"
                "数据模板和培训材料。"
            ),
        ),
    ),
    Article(
        "miniprogram",
        "service_package",
        44,
        "approved",
        "A mini program that answers dealers before they call",
        "From first sketch to 1,200 dealers in nine weeks",
        (
            (
                "Every morning the dealers of a kitchenware brand called three people with"
                " the same two questions: is it in stock, and when will it arrive?"
            ),
            (
                "We built a mini program on the figures the company already had: stock by"
                " warehouse, orders on the road, invoices to pay. Nothing new to fill in."
            ),
            (
                "Nine weeks later 1,200 dealers use it and the phones are quiet. The package"
                " lists the screens, the interfaces and the price."
            ),
        ),
        "经销商打电话之前，小程序已经给出答案",
        "从第一张草图到 1200 家经销商，九周",
        (
            "一家厨具品牌的经销商每天早上都给三个人打电话，问同样两个问题：有货吗？什么时候到？",
            "我们用公司已有的数据做了一个小程序：分仓库存、在途订单、应付账单，不用任何人多填一张表。",
            "九周后 1200 家经销商在用，电话安静了。服务包列出了页面、接口和价格。",
        ),
    ),
    Article(
        "einvoice",
        "hot_topic",
        23,
        "approved",
        "Fully digital invoices: what changes for your ERP",
        "Three questions finance should ask before the deadline",
        (
            (
                "Fully digital electronic invoices need no paper, no tax disk and no quota"
                " request. What they need is clean master data."
            ),
            (
                "Ask three questions: does every product carry its tax category, does every"
                " customer carry its tax number, and who corrects an invoice that was"
                " refused at night?"
            ),
            (
                "Our view: companies that let orders, invoices and payments live in one"
                " system will hardly notice the change."
            ),
        ),
        "数电发票来了：你的 ERP 要改什么",
        "截止日之前，财务该问的三个问题",
        (
            "数电发票不需要纸张、不需要税盘、不需要申领额度，需要的是干净的基础数据。",
            "先问三个问题：每个产品有没有税收分类？每个客户有没有税号？半夜被驳回的发票由谁更正？",
            "我们的观点：订单、发票、收款在一套系统里的公司，几乎感觉不到这次变化。",
        ),
    ),
    Article(
        "agents",
        "hot_topic",
        9,
        "approved",
        "Where AI helps a factory today, and where it does not",
        "Twelve visits, one conclusion",
        (
            (
                "We visited twelve factories that had bought something with AI in its name."
                " Four of them use it every day."
            ),
            (
                "Those four had one thing in common: the question was small, the data was"
                " already there, and somebody read the answer."
            ),
            (
                "Conclusion: start from a figure that is looked up every day, not from a"
                " technology."
            ),
        ),
        "今天的工厂，AI 能帮上什么，帮不上什么",
        "走访十二家工厂，一个结论",
        (
            "我们走访了十二家买过“AI”产品的工厂，其中四家每天在用。",
            "这四家有一个共同点：问题小、数据现成、答案有人看。",
            "结论：从每天都要查的一个数字开始，而不是从一项技术开始。",
        ),
    ),
    Article(
        "summit",
        "event",
        5,
        "approved",
        "Open day: see a digital workshop at work",
        "Suzhou, forty seats, with the people who built it",
        (
            (
                "Spend an afternoon in a workshop that runs without paper. The planner, the"
                " foreman and the project lead answer every question."
            ),
            "Bring one problem of your own: the last hour belongs to you.",
        ),
        "开放日：走进一间正在运转的数字化车间",
        "苏州，四十个席位，建设者亲自讲解",
        (
            "用一个下午看一间无纸化车间如何运转，计划员、班组长和项目负责人现场回答所有问题。",
            "请带上你自己的一个难题：最后一小时属于你。",
        ),
    ),
    Article(
        "pricing",
        "service_package",
        None,
        "in_review",
        "Quotations in ten minutes: a pricing engine for custom parts",
        "A real case from sheet metal, in review",
        (
            (
                "A sheet metal shop answered forty requests a day and won four. Speed, not"
                " price, was what customers complained about."
            ),
        ),
        "十分钟出报价：定制件的报价引擎",
        "钣金行业真实案例，审核中",
        ("一家钣金厂每天回复四十个询价，成交四个。客户抱怨的不是价格，而是速度。",),
    ),
)
