from odoo import api, fields, models

from odoo.addons.referral_distribution.engine.visit import Visit

DAYS = 28
# (kind of device, site, how many of ten visitors)
CAME = (
    ("mobile", "mp.weixin.qq.com", 4),
    ("mobile", "weibo.com", 2),
    ("computer", "www.zhihu.com", 2),
    ("computer", None, 1),
    ("tablet", None, 1),
)
COUNTRIES = ("CN", "CN", "CN", "CN", "HK", "SG", "CN", "DE")
NETWORK = "203.0.113.77"  # of one office, from which a link is opened again and again
LOUD = 60


class ReferralDemo(models.AbstractModel):
    """Who opens the story's links: a month of visits, and one hour that is too loud."""

    _inherit = "referral.demo"

    @api.model
    def _make_visits(self, clock):
        """Let people open the links of the last month, and a network one too often."""
        clicks = self.env["referral.click"]
        links = self.env["referral.link"].search([], order="id")
        for age in range(DAYS, 0, -1):
            for hour in (2, 12):
                clock(age, hour)
                for number, link in enumerate(links):
                    if link.create_date > fields.Datetime.now():
                        continue
                    for visitor in range((age * age * 3 + number * 5 + hour) % 4):
                        person = (age + number * 11 + visitor * 17) % 40
                        clicks._visit(link.code, self._prepare_visitor(person))
        clock(1, hour=15)
        for number in range(LOUD):
            visit = Visit(NETWORK, f"visitor {number}", device="computer")
            clicks._visit(links[:1].code, visit)
        self.env["referral.click.figure"]._roll_up_here()

    @api.model
    def _prepare_visitor(self, number):
        came = [(device, host) for device, host, share in CAME for _n in range(share)]
        device, host = came[number % len(came)]
        return Visit(
            f"198.51.100.{number + 100}",
            f"visitor {number}",
            device=device,
            referrer_host=host,
            country_code=COUNTRIES[number % len(COUNTRIES)],
        )
