from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.referral_distribution.engine.visit import Visit

from .holds import HoldCase
from .test_attribution import VisitorCase


@tagged("post_install", "-at_install")
class TestRegistry(HoldCase):
    """A company switches rules and adds its own (rule L5)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.member.email = "m@own.example"

    def make_rule(self, domain="[('city', '=', 'Shenzhen')]", user=None, **values):
        rules = self.env["referral.hold.rule"].with_user(user or self.manager)
        return rules.create({"name": "Our city", "domain": domain, **values})

    def test_a_rule_that_is_switched_off_holds_nothing_in_this_company(self):
        rule = self.rules["self_referral"].with_user(self.manager)
        rule.enabled = False
        self.assertHeld(self.make_lead(email_from="m+1@own.example"))
        rule.enabled = True
        lead = self.make_lead(name="X", email_from="m+2@own.example")
        self.assertIn("self_referral", lead.referral_hold_ids.mapped("kind"))

    def test_the_other_companies_keep_it(self):
        other = self.env["res.company"].create({"name": "Other"})
        rule = self.rules["self_referral"]
        rule.with_user(self.manager).enabled = False
        self.assertTrue(rule.with_company(other).enabled)
        values = {"email_from": "m+1@own.example", "company_id": other.id}
        lead = self.env["crm.lead"].create(
            {"name": "There", "referrer_id": self.member.id, **values}
        )
        self.assertHeld(lead, "self_referral")

    def test_an_archived_rule_and_another_companys_hold_nothing(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.make_rule(active=False)
        self.make_rule(company_id=other.id, user=self.env.user)
        self.assertHeld(self.make_lead(city="Shenzhen"))

    def test_a_condition_of_ones_own_holds_what_meets_it(self):
        rule = self.make_rule(note="Ask the branch in Shenzhen.")
        lead = self.make_lead(city="Shenzhen")
        self.assertHeld(self.make_lead(city="Beijing"))
        self.assertHeld(lead, "condition")
        self.assertEqual(self.explanations(lead), ["Ask the branch in Shenzhen."])
        rule.note = False
        self.env.invalidate_all()
        self.assertEqual(self.explanations(lead), ["Our city"])
        self.assertEqual(rule.hold_count, 1)
        self.release(lead)
        self.validate(lead)
        self.assertHeld(lead)

    def test_a_condition_that_is_none_is_refused_with_what_is_wrong(self):
        for bad in (
            "",
            "[]",
            "[(1, '=', 1)]",
            "not a domain",
            "[('no_such_field', '=', 1)]",
            "[('name', 'no such operator', 1)]",
            "[('city', '=', __import__('os').getcwd())]",
            "[('user_id', '=', uid)]",
            "[('city', '=', 'x'",
        ):
            with (
                self.subTest(domain=bad),
                self.assertRaises(ValidationError),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                self.make_rule(bad)

    def test_a_condition_asks_only_what_its_author_may_read(self):
        with self.assertRaises(AccessError):
            self.make_rule("[('partner_id.signup_type', '=', 'x')]")

    def test_a_rule_that_broke_later_loses_no_lead_and_frees_no_reward(self):
        rule = self.make_rule()
        self.env.cr.execute(
            "UPDATE referral_hold_rule SET domain = %s WHERE id = %s",
            ("[('gone', '=', 1)]", rule.id),
        )
        self.env.invalidate_all()
        with mute_logger("odoo.addons.referral_distribution.models.referral_hold_rule"):
            lead = self.make_lead()
        self.assertHeld(lead, "condition")
        self.assertIn("does not work any more", self.explanations(lead)[0])

    def test_only_managers_change_rules(self):
        rule = self.rules["duplicate"]
        for user in (self.sales, self.finance):
            with self.subTest(user=user.login):
                for act in (
                    lambda r: r.write({"active": False}),
                    lambda r: r.write({"enabled": False}),
                    lambda r: r.unlink(),
                    lambda r: r.create({"name": "X", "domain": "[('city','=','x')]"}),
                ):
                    with self.assertRaises(AccessError):
                        act(rule.with_user(user))

    def test_a_rule_that_has_held_is_switched_off_not_deleted(self):
        rule = self.make_rule()
        self.make_lead(city="Shenzhen")
        for act in (
            lambda: rule.unlink(),
            lambda: rule.write({"kind": "burst"}),
        ):
            with self.assertRaisesRegex(UserError, "has held leads"):
                act()
        self.make_rule().unlink()

    def test_an_addon_adds_a_kind_with_one_method_and_one_sentence(self):
        """What docs/operations.md says."""
        rules, holds = type(self.rules["burst"]), type(self.env["referral.lead.hold"])
        with (
            patch.object(
                rules,
                "_find_burst",
                lambda rule, leads, visitor: {leads[0].id: {"words": ["late"]}},
            ),
            patch.object(
                holds, "_explain_burst", lambda hold, facts, names: facts["words"][0]
            ),
        ):
            lead = self.make_lead()
            self.assertHeld(lead, "burst")
            self.assertEqual(self.explanations(lead), ["late"])


@tagged("post_install", "-at_install")
class TestReaders(HoldCase):
    """Sentences in the reader's language, of what the reader may see."""

    def setUp(self):
        super().setUp()
        self.member.email = "m@own.example"

    def test_sentences_speak_the_readers_language(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        self.env["ir.module.module"].search(
            [("name", "=", "referral_distribution")]
        )._update_translations(["zh_CN"])
        lead = self.make_lead(email_from="m+1@own.example")
        [text] = self.explanations(lead, lang="zh_CN")
        self.assertEqual(text, "与推荐会员的电子邮箱和公司相同。")

    def test_another_lead_is_masked_for_who_may_not_read_it(self):
        self.make_lead(name="Secret deal", email_from="a@b.cn")
        lead = self.make_lead(email_from="a@b.cn")
        self.assertIn("“Secret deal”", self.explanations(lead)[0])
        self.env["ir.rule"].create(
            {
                "name": "Not everything",
                "model_id": self.env["ir.model"]._get_id("crm.lead"),
                "domain_force": "[('name', '!=', 'Secret deal')]",
            }
        )
        self.env.invalidate_all()
        self.assertIn("“S**”", self.explanations(lead)[0])

    def test_what_a_lead_was_like_may_be_deleted(self):
        first = self.make_lead(email_from="a@b.cn")
        lead = self.make_lead(email_from="a@b.cn")
        first.unlink()
        self.assertEqual(
            self.explanations(lead), ["The same company domain and e-mail as –."]
        )

    def test_the_hold_of_a_deleted_lead_stays_and_reads(self):
        lead = self.make_lead(email_from="m+1@own.example")
        hold = lead.referral_hold_ids
        lead.unlink()
        hold = hold.with_user(self.manager)
        values = hold.read(["lead_id", "referrer_id", "explanation", "state"])[0]
        self.assertFalse(values["referrer_id"])
        self.assertEqual(values["state"], "held")

    def test_a_list_of_holds_reads_in_one_go(self):
        leads = self.env["crm.lead"]
        for number in range(10):
            self.make_lead(email_from=f"x{number}@gmail.com")
            leads += self.make_lead(email_from=f"x{number}+1@gmail.com")
        names = ["explanation", "lead_id", "referrer_id", "rule_id", "state"]
        self.assertReadInOneGo(leads.referral_hold_ids, names, self.sales)
        names = ["referral_hold_state", "referral_hold_text"]
        self.assertReadInOneGo(leads, names, self.sales)

    def test_many_leads_are_looked_at_with_as_many_queries_as_two(self):
        vals_list = [
            {
                "name": f"Lead {number}",
                "email_from": f"x{number}@firm{number}.cn",
                "referrer_id": self.member.id,
            }
            for number in range(40)
        ]
        leads = self.env["crm.lead"].create(vals_list)
        counts = []
        for some in (leads[:2], leads[:2], leads):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            some._find_holds()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[2], counts[1])
        self.assertLess(counts[1], 30)

    def test_a_million_leads_and_contacts_are_not_read_to_find_one(self):
        """Every look-up can go by its index: mailbox, phone, domain, customer."""
        lead = self.make_lead(email_from="a@b.cn", phone="+86 138 0013 8000")
        self.env.flush_all()
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        for query, indexes in (
            (
                self.rules["duplicate"]._query_duplicates(lead),
                (
                    "crm_lead_referral_email_index",
                    "crm_lead_referral_phone_index",
                    "crm_lead__email_domain_criterion_index",
                    "crm_lead__partner_id_index",
                ),
            ),
            (
                self.rules["existing_customer"]._query_customers(lead),
                (
                    "res_partner_referral_email_index",
                    "res_partner_referral_phone_index",
                    "res_partner_referral_host_index",
                ),
            ),
        ):
            rows = self.env.execute_query(SQL("EXPLAIN %s", query))
            plan = "\n".join(line for (line,) in rows)
            self.assertNotIn("Seq Scan", plan)
            for index in indexes:
                self.assertIn(index, plan)

    def test_facts_name_nobody(self):
        """So an erasure has nothing to take out of them (threat M3)."""
        asked = {"email_from": "li.si@b.cn", "phone": "+86 138 0013 8000"}
        self.make_lead(name="Li Si", **asked)
        lead = self.make_lead(name="Li Si again", contact_name="Li Si", **asked)
        self.env.flush_all()
        for table in ("referral_lead_hold", "referral_lead_meeting"):
            self.env.cr.execute(f"SELECT string_agg(t::text, '|') FROM {table} t")
            text = self.env.cr.fetchone()[0].lower()
            for trace in ("li si", "li.si", "b.cn", "138001", "00138"):
                self.assertNotIn(trace, text)
        self.assertHeld(lead, "duplicate")

    def test_a_members_own_data_say_what_was_held(self):
        lead = self.make_lead(email_from="m+1@own.example")
        self.withhold(lead, "It is you")
        [row] = self.member.sudo()._prepare_personal_data()["held_rewards"]
        self.assertEqual(
            (row["rule"], row["state"], row["reason"]),
            ("Self-referral", "refused", "It is you"),
        )


@tagged("post_install", "-at_install")
class TestDevices(VisitorCase):
    """The device of the member's own clicks asks (threat I2, rule L5)."""

    def setUp(self):
        super().setUp()
        self.device = Visit("127.0.0.1", "phone", user_id=self.portal.id)

    def bring(self, visits=None, agent="phone", **values):
        """Return a lead made in the request of a visitor with that browser."""
        with self.visit(visits or {1: self.link}) as request:
            request.httprequest.environ["HTTP_USER_AGENT"] = agent
            request.httprequest.environ["REMOTE_ADDR"] = "127.0.0.1"
            return self.make_visitors_lead(**values)

    def click(self, visit=None, link=None):
        visit = visit or self.device
        self.env["referral.click"]._record((link or self.link).code, visit)

    def kinds(self, lead):
        return lead.referral_hold_ids.mapped("kind")

    def test_the_device_the_member_clicked_with_holds_the_lead(self):
        self.click()
        lead = self.bring()
        self.assertEqual(self.kinds(lead), ["self_referral"])
        hold = lead.referral_hold_ids
        self.assertEqual(hold.facts, {"alike": ["device"]})
        self.assertEqual(
            hold.explanation, "The same device as the member who brought it."
        )

    def test_another_browser_or_somebody_elses_click_holds_nothing(self):
        self.assertEqual(self.kinds(self.bring()), [])
        self.click(Visit("127.0.0.1", "phone"))  # counted: a visitor's own click
        self.assertEqual(self.kinds(self.bring()), [])
        self.click()
        self.assertEqual(self.kinds(self.bring(agent="another phone")), [])

    def test_another_members_device_holds_nothing(self):
        self.click()
        self.assertEqual(self.kinds(self.bring({1: self.second})), [])

    def test_who_works_here_or_recommends_by_hand_is_no_visitor(self):
        self.click()
        with self.visit(user=self.sales) as request:
            request.httprequest.environ["HTTP_USER_AGENT"] = "phone"
            request.httprequest.environ["REMOTE_ADDR"] = "127.0.0.1"
            lead = self.make_lead()
        self.assertEqual(self.kinds(lead), [])
        with self.visit(user=self.portal) as request:
            request.httprequest.environ["HTTP_USER_AGENT"] = "phone"
            request.httprequest.environ["REMOTE_ADDR"] = "127.0.0.1"
            lead = (
                self.env["crm.lead"]
                .sudo()
                .create({"name": "By hand", "referrer_id": self.member.id})
            )
        self.assertEqual(self.kinds(lead), [])

    def test_the_device_of_who_works_here_is_not_even_looked_at(self):
        for user, looked_at in ((self.sales, False), (self.portal, True)):
            with self.visit(user=user) as request:
                request.httprequest.environ["REMOTE_ADDR"] = "127.0.0.1"
                found = self.env["crm.lead"]._get_visitor_hash()
            self.assertEqual(bool(found), looked_at)

    def test_members_own_clicks_are_found_by_an_index(self):
        self.env.cr.execute(
            "SELECT indexdef FROM pg_indexes WHERE indexname = %s",
            ("referral_click_own_visitor",),
        )
        self.assertIn("NOT counted", self.env.cr.fetchone()[0])
