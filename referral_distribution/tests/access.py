from odoo.tests import new_test_user, tagged

from .common import ReferralCase

ADDON = "referral_distribution"
ROLES = ("sales", "content", "media", "finance", "manager", "integration")
# Per model: who reads, and who writes, creates, deletes (besides the superuser).
# "portal" and "staff" (an employee without a role) are listed where they may anything.
MATRIX = {
    "referral.api": {"read": "integration"},
    "referral.api.request": {"read": "manager"},
    "referral.attribution": {},
    "referral.trail.sentences": {},
    "referral.trail.timeline": {},
    "referral.calculation": {"read": "finance manager"},
    "referral.channel": {
        "read": "sales content media finance manager portal",
        "write": "media manager",
        "create": "media manager",
        "unlink": "manager",
    },
    "referral.click": {"read": "sales content media manager"},
    "referral.click.figure": {"read": "sales content media finance manager"},
    "referral.click.mark": {},
    "referral.commission": {"read": "sales finance manager portal"},
    "referral.commission.grant": {
        "read": "finance manager",
        "write": "finance manager",
        "create": "finance manager",
        "unlink": "finance manager",
    },
    "referral.compliance.report": {
        "read": "finance manager",
        "write": "finance manager",
        "create": "finance manager",
    },
    "referral.compliance.signoff": {"read": "finance manager", "create": "manager"},
    "referral.consent": {"read": "manager"},
    "referral.consent.text": {"read": "manager"},
    "referral.erasure": {"read": "manager", "write": "manager", "create": "manager"},
    "referral.erasure.request": {"read": "manager"},
    "referral.csv.download": {
        "read": "media finance manager",
        "write": "media finance manager",
        "create": "media finance manager",
    },
    "referral.external.ref": {
        "read": "sales content media finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.hold.rule": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.invite.code": {
        "read": "sales finance manager portal",
        "write": "manager",
        "create": "manager",
    },
    "referral.invite.node": {},
    "referral.inviter.change": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.invite.code.batch": {
        "read": "manager",
        "write": "manager",
        "create": "manager",
    },
    "referral.lead.hold": {"read": "sales finance manager"},
    "referral.lead.meeting": {},
    "referral.link": {
        "read": "sales content media finance manager portal",
        "write": "media manager",
    },
    "referral.link.batch": {
        "read": "media manager",
        "write": "media manager",
        "create": "media manager",
    },
    "referral.link.burst": {"read": "sales manager"},
    "referral.member.import": {
        "read": "manager",
        "write": "manager",
        "create": "manager",
    },
    "referral.member.join": {
        "read": "sales manager",
        "write": "sales manager",
        "create": "sales manager",
    },
    "referral.plan": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.plan.trial": {
        "read": "manager",
        "write": "manager",
        "create": "manager",
    },
    "referral.rate": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.reward.source": {},
    "referral.plan.bracket": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.plan.rule": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.poster.box": {
        "read": "sales content media manager",
        "write": "media manager",
        "create": "media manager",
        "unlink": "media manager",
    },
    "referral.poster.design": {
        "read": "sales content media manager",
        "write": "media manager",
        "create": "media manager",
        "unlink": "media manager",
    },
    "referral.poster.picture": {},
    "referral.reason": {
        "read": "sales finance manager",
        "write": "sales finance manager",
        "create": "sales finance manager",
    },
    "referral.settlement": {
        "read": "finance manager portal",
        "write": "finance",
        "unlink": "finance",
    },
    "referral.settlement.pay": {
        "read": "finance",
        "write": "finance",
        "create": "finance",
    },
    "referral.true.up": {"read": "finance manager"},
    "referral.share": {"read": "sales content media finance manager portal"},
    "referral.signoff.reason": {
        "read": "manager",
        "write": "manager",
        "create": "manager",
    },
    "referral.replay": {"read": "finance manager"},
    "referral.replay.line": {"read": "finance manager"},
    "referral.simulation": {
        "read": "finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.simulation.line": {"read": "finance manager"},
    "referral.simulation.past": {},
    "referral.team": {},
    "referral.territory": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.territory.gap": {"read": "sales manager"},
    "referral.territory.owner": {},
    "referral.territory.resolver": {},
    "referral.tier.change": {"read": "sales finance manager"},
    "referral.tier.rule": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.trail.check": {"read": "manager"},
    "referral.trail.entry": {"read": "sales finance manager"},
    "referral.trail.head": {},
    "referral.trail.seal": {"read": "finance manager"},
    "referral.trail.seal.line": {"read": "finance manager"},
    "referral.trail.verify": {
        "read": "manager",
        "write": "manager",
        "create": "manager",
    },
    "referral.tree.figure": {"read": "finance manager"},
}
OPERATIONS = ("read", "write", "create", "unlink")


@tagged("post_install", "-at_install")
class AccessCase(ReferralCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            "sales": cls.sales,
            "content": cls.make_user("rd_content", "content_operator"),
            "media": cls.make_user("rd_media", "media_operator"),
            "finance": cls.finance,
            "manager": cls.manager,
            "integration": cls.make_user("rd_integration", "integration"),
            "portal": cls.portal,
            "staff": new_test_user(cls.env, login="rd_staff"),
            "public": cls.env.ref("base.public_user"),
        }

    @classmethod
    def make_tier_change(cls, env, company):
        """Return a proposal and its rule."""
        grade = env.ref("referral_distribution.res_partner_grade_agent").id
        rule = env["referral.tier.rule"].create(
            {"name": "Theirs", "grade_id": grade, "min_valid_leads": 1}
        )
        vals = {"kind": "promotion", "rule_id": rule.id, "new_grade_id": grade}
        vals |= {"partner_id": cls.member.id, "company_id": company.id}
        return env["referral.tier.change"]._log([vals]).sudo(False), rule
