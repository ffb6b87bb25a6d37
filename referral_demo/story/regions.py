"""Which agent serves what, and where the customers are (rule M5)."""

from collections import namedtuple

# agent, state (as base names it), city (empty: the whole state), days ago it began and
# ended (empty: it lasts)
Territory = namedtuple("Territory", "agent state city start end")
TERRITORIES = (
    Territory("zhou", "state_cn_SH", None, 170, None),
    Territory("zhou", "state_cn_ZJ", None, 170, None),
    Territory("zhou", "state_cn_JS", "苏州", 150, None),
    Territory("wu", "state_cn_GD", None, 165, None),
    Territory("zhou", "state_cn_GD", "佛山", 60, None),
    Territory("jiang", "state_cn_SC", "成都", 160, None),
    Territory("jiang", "state_cn_CQ", None, 160, 40),
)

# logins of its members, and the states it works
Team = namedtuple("Team", "name logins states")
TEAMS = (
    Team(
        "华东销售 East China", ("sales",), ("state_cn_SH", "state_cn_ZJ", "state_cn_JS")
    ),
    Team("华南销售 South China", ("manager",), ("state_cn_GD",)),
)

# customer -> state, city
CUSTOMERS = {
    "翰林机器人 Hanlin Robotics": ("state_cn_ZJ", "杭州"),
    "东海精密 Donghai Precision": ("state_cn_ZJ", "宁波"),
    "锦程家居 Jincheng Home": ("state_cn_JS", "苏州"),
    "粤味食品 Yuewei Foods": ("state_cn_GD", "广州"),
    "南方电缆 Nanfang Cable": ("state_cn_GD", "广州"),
    "云帆医疗 Yunfan Medical": ("state_cn_SH", "上海"),
    "甬江物流 Yongjiang Logistics": ("state_cn_ZJ", "宁波"),
    "太湖酒店 Taihu Hotels": ("state_cn_JS", "无锡"),
    "晨光教育 Chenguang Education": ("state_cn_ZJ", "杭州"),
    "金陵仪表 Jinling Instruments": ("state_cn_JS", "南京"),
    "西湖文创 Xihu Creative": ("state_cn_ZJ", "杭州"),
    "蓉城餐饮 Rongcheng Catering": ("state_cn_SC", "成都"),
    "顺德电器 Shunde Appliances": ("state_cn_GD", "佛山市"),
    "浦江软件 Pujiang Software": ("state_cn_SH", "上海"),
    "钱塘纺织 Qiantang Textiles": ("state_cn_ZJ", "杭州"),
}
