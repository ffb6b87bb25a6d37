"""A spring campaign: links with names, an end, and pages on other hosts."""

from collections import namedtuple

HOSTS = ("mp.weixin.qq.com", "weibo.com")
TIER, CHANNEL, PAGES = "agent", "community", ("/contactus",)

# member, channel, page, alias, hours from that day until it ends, what happened to it
Named = namedtuple("Named", "member channel page alias ends off clicks")
LINKS = (
    Named("huang", "community", "/contactus", "open-day", 24 * 40, False, 5),
    Named("lin", "wechat", "/contactus", "early-bird", 24 * 2, False, 8),
    Named("zhou", "wechat", "https://mp.weixin.qq.com/s/open-day", "", 0, False, 4),
    Named("tang", "weibo", "https://weibo.com/northstar/notes", "", 0, True, 2),
)
