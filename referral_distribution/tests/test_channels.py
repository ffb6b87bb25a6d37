from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from .channels import ChannelCase


@tagged("post_install", "-at_install")
class TestPipeline(ChannelCase):
    """New channels are found and won step by step (rule S1)."""

    def test_own_channels_have_no_stage_and_partner_channels_start_as_prospects(self):
        self.assertFalse(self.channel.stage)
        self.assertRecordValues(
            self.prospect, [{"stage": "prospect", "partner_id": False, "terms": False}]
        )

    def test_all_columns_are_shown_even_where_no_channel_stands(self):
        channels = self.env["referral.channel"].with_context(read_group_expand=True)
        groups = channels.formatted_read_group(
            [("id", "=", self.prospect.id)], ["stage"], ["__count"]
        )
        self.assertEqual(
            [(group["stage"], group["__count"]) for group in groups],
            [
                ("prospect", 1),
                ("contacted", 0),
                ("negotiating", 0),
                ("cooperating", 0),
                ("ended", 0),
            ],
        )

    def test_a_media_operator_drags_a_prospect_to_and_fro(self):
        channel = self.prospect.with_user(self.media)
        for stage in ("contacted", "negotiating", "prospect", "ended", "contacted"):
            channel.stage = stage
            self.assertEqual(channel.stage, stage)

    def test_a_media_operator_adds_a_prospect_with_a_name_only(self):
        channels = self.env["referral.channel"].with_user(self.media)
        with Form(
            channels.with_context(default_kind="partner", default_stage="contacted"),
            view="referral_distribution.referral_channel_view_quick_create",
        ) as form:
            form.name = "Plant Managers' Podcast"
            form.contact_name = "Ms Li"
        channel = form.save()
        self.assertRecordValues(
            channel,
            [{"stage": "contacted", "user_id": self.media.id, "contact_name": "Ms Li"}],
        )
        self.assertEqual(channel.source_id.name, "Plant Managers' Podcast")

    def test_cooperating_without_partner_terms_and_first_day_says_what_is_missing(self):
        for vals, words in (
            ({}, "Channel partner, Terms, Cooperation from"),
            (
                {"partner_id": self.partner.id, "terms": "both"},
                "fill in: Cooperation from, Fee per valid lead, Share of the deal",
            ),
        ):
            with self.assertRaisesRegex(ValidationError, words):
                self.prospect.with_user(self.manager).write(
                    {**vals, "stage": "cooperating"}
                )
            self.env.invalidate_all()
            self.assertEqual(self.prospect.stage, "prospect")

    def test_what_a_cooperation_stands_on_cannot_be_emptied(self):
        for name in ("partner_id", "terms", "date_from", "lead_fee", "deal_share"):
            with self.subTest(name), self.assertRaises(ValidationError):
                self.club.with_user(self.manager)[name] = False
            self.env.invalidate_all()

    def test_free_of_charge_needs_no_amount(self):
        self.prospect.with_user(self.manager).write(
            {
                "partner_id": self.partner.id,
                "terms": "free",
                "date_from": "2026-03-01",
                "stage": "cooperating",
            }
        )
        self.assertEqual(str(self.prospect.won_on), "2026-03-02")

    def test_a_cooperation_ends_and_nothing_else(self):
        for stage in ("prospect", "contacted", "negotiating"):
            with self.assertRaisesRegex(UserError, "is cooperating and cannot go to"):
                self.club.with_user(self.manager).stage = stage
        self.club.with_user(self.manager).stage = "ended"
        self.club.with_user(self.manager).stage = "cooperating"

    def test_only_a_manager_agrees_to_terms_and_parts(self):
        """Terms bind the company, so nobody gives them to a friend on their own."""
        channel = self.club.with_user(self.media)
        for vals in (
            {"lead_fee": 2000},
            {"deal_share": 30},
            {"terms": "per_lead"},
            {"date_to": "2030-01-01"},
            {"date_from": "2020-01-01"},
            {"partner_id": self.member.id},
            {"currency_id": self.env.ref("base.EUR").id},
            {"stage": "ended"},
            {"active": False},
        ):
            with self.subTest(vals), self.assertRaisesRegex(AccessError, "the role"):
                channel.write(vals)
        channel.write({"audience": "Owners", "lead_fee": 200})

    def test_only_a_manager_wins_a_channel(self):
        ready = {
            "partner_id": self.partner.id,
            "terms": "free",
            "date_from": "2026-03-01",
        }
        self.prospect.with_user(self.media).write(ready)  # a proposal
        with self.assertRaises(AccessError):
            self.prospect.with_user(self.media).stage = "cooperating"
        channels = self.env["referral.channel"].with_user(self.media)
        vals = {"name": "New", "kind": "partner", **ready}
        with self.assertRaises(AccessError):
            channels.create({**vals, "stage": "cooperating"})
        with self.assertRaises(AccessError):
            channels.with_context(default_stage="cooperating").create(vals)

    def test_own_channels_are_the_managers(self):
        """They are configuration; media operators win partner channels."""
        with self.assertRaises(AccessError):
            self.channel.with_user(self.media).name = "Ours"
        with self.assertRaises(AccessError):
            self.env["referral.channel"].with_user(self.media).create({"name": "O"})
        with self.assertRaises(AccessError):
            self.prospect.with_user(self.media).kind = "own"
        self.channel.with_user(self.manager).name = "Ours"

    def test_sales_and_finance_read_and_write_nothing(self):
        for user in (self.sales, self.finance):
            channel = self.club.with_user(user)
            self.assertEqual(channel.read(["lead_fee", "fit"])[0]["lead_fee"], 200)
            with self.assertRaises(AccessError):
                channel.audience = "x"

    def test_who_owns_a_channel_stays_once_it_has_brought_leads(self):
        """Or the fee of old leads would go to somebody else."""
        self.make_club_lead()
        other = self.env["res.partner"].create({"name": "Other"})
        channel = self.club.with_user(self.manager)
        for vals in (
            {"partner_id": other.id},
            {"kind": "own", "partner_id": False, "stage": False},
        ):
            with self.assertRaisesRegex(UserError, "has brought leads already"):
                channel.write(vals)
        self.make_lead(referral_link_id=False, referral_channel_id=self.prospect.id)
        self.prospect.partner_id = self.partner  # it had none: nobody loses anything

    def test_a_contact_fills_in_how_to_reach_it(self):
        contact = self.env["res.partner"].create(
            {"name": "Mr Wu", "email": "wu@club.example", "phone": "+86 10 1234"}
        )
        self.prospect.contact_name = "A name on a card"
        self.prospect.contact_id = contact
        self.assertRecordValues(
            self.prospect,
            [
                {
                    "contact_name": "Mr Wu",
                    "contact_email": "wu@club.example",
                    "contact_phone": "+86 10 1234",
                }
            ],
        )

    def test_changes_of_terms_are_told_in_the_chatter(self):
        self.cr.flush()  # what was created is no change
        loud = {"tracking_disable": False, "mail_notrack": False}
        self.club.with_user(self.manager).with_context(**loud).lead_fee = 250
        self.cr.flush()
        self.env.invalidate_all()
        values = self.club.message_ids.sudo().tracking_value_ids
        self.assertRecordValues(
            values, [{"old_value_float": 200, "new_value_float": 250}]
        )

    def test_members_read_nothing_internal_of_own_channels(self):
        """Threat P1: what we think of an audience is ours."""
        channel = self.channel.with_user(self.portal)
        self.assertTrue(channel.read(["name"]))
        for name in ("fit", "audience", "contact_phone", "user_id", "owed_text"):
            with self.subTest(name), self.assertRaises(AccessError):
                channel.read([name])

    def test_the_partner_becomes_a_member_of_its_tier_by_the_button(self):
        self.partner.sudo().member_state = False
        action = self.club.with_user(self.sales).action_make_member()
        wizard = (
            self.env[action["res_model"]]
            .with_user(self.manager)
            .with_context(**action["context"])
            .create({})
        )
        wizard.action_join()
        self.assertEqual(self.partner.member_state, "active")
        self.assertEqual(self.partner.referral_role, "channel_partner")

    def test_links_of_a_channel_that_ended_lead_nowhere(self):
        """Threat S7."""
        clicks = self.env["referral.click"]
        self.assertTrue(clicks._find(self.club_link.code))
        self.assertEqual(self.club_link.state, "open")
        self.club.stage = "ended"
        self.env.flush_all()
        self.assertFalse(clicks._find(self.club_link.code))
        self.assertEqual(self.club_link.state, "channel_ended")
        closed = self.env["referral.link"].search([("state", "=", "channel_ended")])
        self.assertIn(self.club_link, closed)
        self.assertNotIn(self.link, closed)

    def test_the_kinds_of_partner_channels_ship_as_prospects(self):
        names = (
            *("ceo_club", "industry_media", "pr_agency", "wechat_account"),
            *("weibo_influencer", "zhihu", "toutiao", "expert", "lecturer"),
        )
        for name in names:
            channel = self.env.ref(f"referral_distribution.referral_channel_{name}")
            self.assertEqual(
                (channel.kind, channel.stage, channel.user_id.id),
                ("partner", "prospect", False),
            )

    def test_figures_of_many_channels_take_as_many_queries_as_of_two(self):
        for number in range(8):
            club = self.make_club(name=f"Club {number}")
            link = self.env["referral.link"]._obtain(self.partner, club, "/")
            lead = self.make_lead(referral_link_id=link.id)
            lead.with_user(self.sales).action_referral_validate()
        channels = self.env["referral.channel"].search([("partner_id", "!=", False)])
        names = ["link_count", "lead_count", "valid_lead_count", "contract_count"]
        names += ["owed_text", "paid_text", "unpaid_terms", "stage", "partner_id"]
        names += ["partner_member_state", "user_id", "activity_ids", "fit"]
        self.assertReadInOneGo(channels, names, self.manager)
        club = channels.filtered(lambda c: c.name == "Club 3")
        self.assertRecordValues(
            club, [{"link_count": 1, "lead_count": 1, "valid_lead_count": 1}]
        )
        self.assertIn("200", club.owed_text)


@tagged("post_install", "-at_install")
class TestContact(ChannelCase):
    """Whom to talk to is personal data too (threat M3)."""

    def test_who_is_erased_is_no_contact_of_a_channel_any_more(self):
        contact = self.env["res.partner"].create(
            {"name": "Wu Ming", "email": "wu@club.example", "phone": "+86 10 1234"}
        )
        self.prospect.write(
            {
                "contact_id": contact.id,
                "contact_wechat": "wuming",
                "fit_note": "Wu Ming knows everybody",
            }
        )
        contact._erase_traces(contact._get_traces())
        self.assertRecordValues(
            self.prospect,
            [
                {
                    "contact_name": False,
                    "contact_phone": False,
                    "contact_email": False,
                    "contact_wechat": False,
                }
            ],
        )
        self.assertNotIn("Wu Ming", self.prospect.fit_note)

    def test_the_partner_of_a_cooperation_is_not_erased_before_it_ends(self):
        self.assertIn("CEO Club", " ".join(self.partner._get_erasure_obstacles()))
        self.club.stage = "ended"
        self.assertNotIn("CEO Club", " ".join(self.partner._get_erasure_obstacles()))


@tagged("post_install", "-at_install")
class TestPeriod(ChannelCase):
    """Who looks after a channel hears in time; what ran out has ended (rule S1)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["referral.channel"].search([("id", "!=", cls.club.id)]).active = False

    def run_cron(self):
        self.env["referral.channel"]._cron_follow_periods()

    def test_a_cooperation_that_ends_within_thirty_days_is_an_activity_once(self):
        self.club.date_to = "2026-04-02"
        self.run_cron()
        self.assertFalse(self.club.activity_ids, "31 days left")
        self.club.date_to = "2026-04-01"
        self.run_cron()
        self.run_cron()
        self.assertRecordValues(
            self.club.activity_ids,
            [{"user_id": self.media.id, "date_deadline": self.club.date_to}],
        )
        self.club.activity_ids.action_done()
        self.run_cron()
        self.assertFalse(self.club.activity_ids, "done is done")
        self.club.date_to = "2026-03-20"
        self.run_cron()
        self.assertEqual(len(self.club.activity_ids), 1, "another end")

    def test_a_cooperation_that_ran_out_has_ended_by_itself(self):
        self.club.date_to = "2026-03-02"
        self.run_cron()
        self.assertEqual(self.club.stage, "cooperating", "the last day counts")
        with self.at("2026-03-02 17:00:00"):  # 1 in the morning in Shanghai
            self.run_cron()
        self.assertEqual(self.club.stage, "ended")

    def test_one_whose_responsible_changed_work_stops_nobody_elses_notice(self):
        other = self.make_club(name="Second", date_to="2026-03-20")
        self.club.write({"date_to": "2026-03-20", "user_id": self.clerk.id})
        self.run_cron()
        self.assertFalse(self.club.activity_ids)
        self.assertTrue(other.activity_ids)

    def test_many_are_followed_in_batches(self):
        for number in range(5):
            self.make_club(name=f"Club {number}", date_to="2026-03-01")
        with self.assertQueryCount(400):
            self.run_cron()
        self.assertFalse(
            self.env["referral.channel"].search_count(
                [("stage", "=", "cooperating"), ("date_to", "=", "2026-03-01")]
            )
        )
