from contextlib import contextmanager
from datetime import date, datetime
from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import freeze_time

from .common import ReferralCase

TERMS_RULES = (
    {
        "name": "Member, lead",
        "trigger": "lead_valid",
        "rate_type": "fixed",
        "amount": 10,
    },
    {"name": "Member, contract", "rate": 0.5},
    {
        "name": "Partner, lead",
        "trigger": "lead_valid",
        "beneficiary": "channel_partner",
        "rate_type": "terms",
    },
    {
        "name": "Partner, contract",
        "beneficiary": "channel_partner",
        "rate_type": "terms",
    },
)
TODAY = "2026-03-02 04:00:00"  # noon in Shanghai


class ChannelCase(ReferralCase):
    """A partner channel that cooperates, and one that is still to be won.

    ``club`` pays 200 for a valid lead and 3 % of a deal through 2026 to ``partner``,
    of the tier for such; ``prospect`` has neither partner nor terms.
    The plan in force pays channel partners as agreed.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.partner_id.tz = "Asia/Shanghai"
        cls.make_plan(TERMS_RULES)._activate()
        cls.media = cls.make_user("rd_media", "media_operator")
        cls.partner = cls.make_member(
            "CEO Club Ltd",
            is_company=True,
            grade_id=cls.env.ref(
                "referral_distribution.res_partner_grade_channel_partner"
            ).id,
        )
        cls.club = cls.make_club()
        cls.prospect = cls.env["referral.channel"].create(
            {"name": "Machinery Weekly", "kind": "partner", "platform": "media"}
        )
        cls.club_link = cls.env["referral.link"]._obtain(cls.partner, cls.club, "/")

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(self.env.cr, "commit"))  # a cron's
        self.enterContext(self.at(TODAY))

    @contextmanager
    def at(self, moment):
        """It is that moment (UTC), for what is created too."""
        self.env.flush_all()
        now = datetime.fromisoformat(moment)
        with freeze_time(now), patch.object(self.env.cr, "now", lambda: now):
            yield
            self.env.flush_all()

    @classmethod
    def make_club(cls, **values):
        """Return a cooperating channel of ``partner``."""
        return cls.env["referral.channel"].create(
            {
                "name": "CEO Club",
                "kind": "partner",
                "platform": "club",
                "partner_id": cls.partner.id,
                "stage": "cooperating",
                "terms": "both",
                "lead_fee": 200,
                "deal_share": 3,
                "date_from": date(2026, 1, 1),
                "date_to": date(2026, 12, 31),
                "user_id": cls.media.id,
                **values,
            }
        )

    @classmethod
    def make_club_lead(cls, **values):
        """Return a lead that came through the club's link."""
        return cls.make_lead(referral_link_id=cls.club_link.id, **values)

    @classmethod
    def make_partner_user(cls, **values):
        """Return the login of a colleague at the partner's company."""
        colleague = cls.env["res.partner"].create(
            {"name": "Colleague", "parent_id": cls.partner.id}
        )
        vals = cls._prepare_user_vals("partner_user", "base.group_portal")
        vals |= {"partner_id": colleague.id, **values}
        vals["group_ids"] = [Command.set(cls.env.ref("base.group_portal").ids)]
        return cls.env["res.users"].create(vals)
