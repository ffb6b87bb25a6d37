import inspect
from datetime import datetime

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_api import ApiCase
from .test_intake import EVIL


class ApiLeadCase(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.country_id = cls.env.ref("base.cn")
        cls.env["referral.external.ref"]._add({cls.member.id: "u-1"}, cls.company)

    def submit(self, key="key", api=None, **values):
        values.setdefault("company_name", "Customer Ltd")
        values.setdefault("phone", "13800138000")
        api = self.api if api is None else api
        return api.submit_lead(idempotency_key=key, **values)

    def lead_of(self, answer):
        return self.env["crm.lead"].browse(answer["lead_id"])

    def count_leads(self):
        self.env.flush_all()
        leads = self.env["crm.lead"].with_context(active_test=False)
        return leads.search_count([]), self.count()

    def assertNoLead(self, message, **values):
        before = self.count_leads()
        with self.assertRaisesRegex(UserError, message), self.env.cr.savepoint():
            self.submit(**values)
        self.assertEqual(self.count_leads(), before, "something was written")


@tagged("post_install", "-at_install")
class TestSubmitLead(ApiLeadCase):
    """An outside site hands in leads (rules L1, L4, X3)."""

    def test_a_link_a_code_a_reference_and_an_id_name_the_member(self):
        for key, who in (
            ("link", {"code": self.link.code}),
            ("invite", {"invite_code": self.member.invite_code.lower()}),
            ("ref", {"external_ref": "u-1"}),
            ("id", {"member_id": self.member.id}),
        ):
            with self.subTest(who=who):
                answer = self.submit(key, agreed=True, **who)
                self.assertEqual(
                    answer,
                    {
                        "lead_id": self.lead_of(answer).id,
                        "member_id": self.member.id,
                        "problem": "",
                    },
                )
                lead = self.lead_of(answer)
                self.assertRecordValues(
                    lead,
                    [
                        {
                            "name": "Customer Ltd",
                            "partner_name": "Customer Ltd",
                            "phone": "+86 138 0013 8000",
                            "referrer_id": self.member.id,
                            "referral_evidence": "api",
                            "referral_contact_agreed": True,
                            "referral_validity": "to_review",
                            "company_id": self.company.id,
                            "user_id": False,
                        }
                    ],
                )
                self.assertFalse(lead.message_partner_ids)
        by_link = self.env["crm.lead"].search([("referral_link_id", "=", self.link.id)])
        self.assertEqual(by_link.referral_channel_id, self.channel)
        self.assertEqual(by_link.source_id, self.channel.source_id)
        self.assertEqual(self.nodes(by_link), ["shared", "created"])

    def test_a_code_of_who_takes_no_part_costs_no_lead(self):
        """Threats S7, I5: the answer says why nobody gets it."""
        codes = {
            "closed link": {"code": self.link.code},
            "archived": {"invite_code": self.inviter.invite_code},
            "single use": {
                "invite_code": self.env["referral.invite.code"]
                .create({"partner_id": self.grandparent.id, "kind": "single_use"})
                .code
            },
            "none": {"code": "no-such-code"},
            "other": {"invite_code": "ZZZZ2222"},
        }
        self.link.active = False
        self.inviter.write({"member_state": "left"})
        self.inviter.active = False
        for key, who in codes.items():
            with self.subTest(code=key):
                answer = self.submit(key, **who)
                self.assertIsNone(answer["member_id"])
                self.assertIn("goes to nobody", answer["problem"])
                lead = self.lead_of(answer)
                self.assertFalse(lead.referrer_id or lead.referral_evidence)
                self.assertEqual(self.api.lead_status(lead.id)["member_id"], None)

    def test_who_is_named_by_id_and_takes_no_part_any_more_gets_no_lead(self):
        """Threat I5: suspended, left."""
        for key, who in (("ref", {"external_ref": "u-1"}), ("id", {})):
            who = who or {"member_id": self.member.id}
            for state in ("suspended", "left"):
                self.member.member_state = state
                with self.subTest(who=who, state=state):
                    answer = self.submit(f"{key} {state}", **who)
                    self.assertIsNone(answer["member_id"])
                    self.assertIn("goes to nobody", answer["problem"])
                    self.assertFalse(self.lead_of(answer).referrer_id)

    def test_of_a_link_of_another_company_nothing_is_told(self):
        other = self.env["res.company"].create({"name": "Other"})
        link = (
            self.env["referral.link"]
            .with_company(other)
            ._obtain(self.member, self.channel, "/x")
        )
        self.assertEqual(link.company_id, other)
        self.assertIsNone(self.submit(code=link.code)["member_id"])

    def test_what_is_wrong_is_named_and_nothing_is_written(self):
        who = {"member_id": self.member.id}
        self.assertNoLead("exactly one of code")
        self.assertNoLead("exactly one of code", code="x", **who)
        self.assertNoLead("no such member", member_id=self.customer.id)
        self.assertNoLead("no such member", external_ref="u-2")
        self.assertNoLead("no such member", member_id=True)
        self.assertNoLead("company_name or a contact_name", company_name="", **who)
        self.assertNoLead("an email or a phone", phone="", **who)
        self.assertNoLead("no phone number", phone="12", **who)
        self.assertNoLead("no e-mail address", email="x@y", **who)
        self.assertNoLead("“note” must be text", note="x" * 2001, **who)
        self.assertNoLead("“note” must be text", note=7, **who)
        self.assertNoLead("“agreed” is true or false", agreed="yes", **who)
        self.assertNoLead("idempotency_key", key=None, **who)
        for value in ("x" * 201, "a\nb", 7, ["x"], {"a": 1}, True):
            self.assertNoLead("“company_name” must be", company_name=value, **who)

    def test_whatever_is_typed_is_kept_safely_or_refused(self):
        """Threat L3."""
        for number, text in enumerate(EVIL):
            with self.subTest(text=text[:20]):
                try:
                    with self.env.cr.savepoint():
                        answer = self.submit(
                            str(number),
                            company_name=text,
                            note=text[:2000],
                            member_id=self.member.id,
                        )
                except UserError:
                    continue
                lead = self.lead_of(answer)
                lead.flush_recordset()
                self.assertLessEqual(len(lead.partner_name), 200)
                self.assertNotIn("\u202e", lead.partner_name)
                self.assertNotIn("<script", lead.description)

    def test_the_same_key_makes_one_lead(self):
        """Threats W4, W5."""
        who = {"member_id": self.member.id}
        first = self.submit(**who)
        self.assertEqual(self.submit(**who), first)
        self.assertNoLead("came before with other content", phone="13900139000", **who)

    def test_only_the_integration_role_may(self):
        for user in (self.portal, self.sales, self.manager, self.clerk):
            api = self.api.with_user(user)
            with self.subTest(user=user.login):
                with self.assertRaises(AccessError):
                    self.submit(api=api, member_id=self.member.id)
                with self.assertRaises(AccessError):
                    api.lead_status(1)

    def test_each_argument_and_answer_is_typed(self):
        for name in ("submit_lead", "lead_status"):
            method = getattr(type(self.api), name)
            signature = inspect.signature(method)
            self.assertIs(signature.return_annotation, dict)
            for argument, parameter in list(signature.parameters.items())[1:]:
                self.assertIsNot(parameter.annotation, inspect.Parameter.empty)
                self.assertIn(argument, inspect.getdoc(method))


@tagged("post_install", "-at_install")
class TestLeadStatus(ApiLeadCase):
    """An outside site asks what became of its lead (rule L2)."""

    def test_it_tells_what_sales_found_and_why(self):
        with freeze_time("2026-11-12 02:02:00"):
            lead = self.lead_of(self.submit(member_id=self.member.id))
            lead.flush_recordset()
            self.env.cr.execute(
                "UPDATE crm_lead SET create_date = %s WHERE id = %s",
                [datetime(2026, 11, 12, 2, 2), lead.id],
            )
            lead.invalidate_recordset()
        status = self.api.lead_status(lead.id)
        self.assertEqual(
            status,
            {
                "lead_id": lead.id,
                "member_id": self.member.id,
                "customer": "Customer Ltd",
                "state": "to_review",
                "reason": "",
                "open": True,
                "submitted_at": "2026-11-12T02:02:00Z",
            },
        )
        lead.with_user(self.sales).action_referral_invalidate("No budget", "invalid")
        status = self.api.lead_status(lead.id)
        self.assertEqual((status["state"], status["reason"]), ("invalid", "No budget"))
        lead.action_set_lost()
        self.assertIs(self.api.lead_status(lead.id)["open"], False)

    def test_of_the_customers_name_it_tells_what_members_see(self):
        """Threat P1: as the company's setting says."""
        answer = self.submit(contact_name="Wang Wei", member_id=self.member.id)
        person = self.lead_of(
            self.submit(
                "2", company_name=None, contact_name="Li Na", member_id=self.member.id
            )
        )
        for masking, names in {
            "masked": ("C**", "L**"),
            "company": ("Customer Ltd", "L**"),
            "full": ("Customer Ltd", "Li Na"),
        }.items():
            self.company.referral_lead_masking = masking
            for lead, name in zip((self.lead_of(answer), person), names, strict=True):
                status = self.api.lead_status(lead.id)
                self.assertEqual(status["customer"], name)
                for secret in ("Wang", "138"):
                    self.assertNotIn(secret, str({**status, "lead_id": 0}))

    def test_of_others_leads_nothing_is_told(self):
        """Threat P1: by id; of another site, of sales, of another company."""
        mine = self.lead_of(self.submit(member_id=self.member.id))
        other_site = self.make_user("rd_site_2", "integration")
        theirs = self.submit(
            api=self.api.with_user(other_site), member_id=self.member.id
        )
        for lead_id in (
            theirs["lead_id"],
            self.make_lead().id,
            0,
            -1,
            2**40,
            True,
            str(mine.id),
            None,
            mine.ids,
        ):
            with (
                self.subTest(lead_id=lead_id),
                self.assertRaisesRegex(UserError, "no such lead"),
            ):
                self.api.lead_status(lead_id)
        other = self.env["res.company"].create({"name": "Other"})
        mine.company_id = other
        with self.assertRaisesRegex(UserError, "no such lead"):
            self.api.lead_status(mine.id)

    def test_asking_takes_few_queries_and_writes_nothing(self):
        lead = self.lead_of(self.submit(member_id=self.member.id))
        self.api.lead_status(lead.id)
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(10):
            self.api.lead_status(lead.id)
