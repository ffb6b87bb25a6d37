import doctest
from datetime import datetime, timedelta

from odoo.tests import freeze_time, tagged

from ..engine import fold, identity
from ..models import referral_trail_timeline
from .common import ReferralCase


class TimelineCase(ReferralCase):
    """A lead of the member's, and shortcuts to what its timeline says."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.tz = cls.sales.tz = "Asia/Shanghai"
        cls.lead = cls.make_lead(partner_name="Harvest Foods")

    def get_events(self, lead=None, member=None, **options):
        lead = lead or self.lead
        timeline = self.env["referral.trail.timeline"]
        return timeline._get_events(lead, member, **options)[lead]

    def get_texts(self, lead=None, member=None, **options):
        return [event["text"] for event in self.get_events(lead, member, **options)]

    def get_next_step(self, lead=None, member=None):
        lead = lead or self.lead
        self.env.flush_all()
        return lead._get_referral_next_steps(member)[lead]


@tagged("post_install", "-at_install")
class TestTimeline(TimelineCase):
    def test_folding_and_masking_work_as_documented(self):
        for module in (fold, identity, referral_trail_timeline):
            self.assertEqual(doctest.testmod(module).failed, 0, module)

    def test_a_trail_reads_as_sentences_from_share_to_reward(self):
        # rules L3, G4
        self.lead.with_user(self.sales).action_referral_validate()
        order = self.make_paid_contract(self.lead)
        order.with_user(self.finance).action_referral_confirm()
        invoice, name = order.invoice_ids.name, self.member.name
        symbol = self.currency.symbol
        texts = [text.replace("\N{NO-BREAK SPACE}", " ") for text in self.get_texts()]
        money = (
            (lambda amount: f"{symbol} {amount}")
            if self.currency.position == "before"
            else (lambda amount: f"{amount} {symbol}")
        )
        self.assertEqual(
            texts[::-1],
            [
                f"{name} shared “/shop” on Our community",
                "The link to “/shop” was opened",
                "The lead came in: Set by hand",
                "Found valid by rd_sales",
                f"{money('10')} to {name}",
                f"Quotation {order.name} made: {money('120,000')}",
                f"Contract {order.name} signed: {money('120,000')}",
                f"Invoice {invoice} sent: {money('120,000')}",
                f"Invoice {invoice} paid: {money('120,000')}",
                f"Finance confirmed the reward for {order.name}: {money('120,000')}",
                f"{money('600')} to {name}",
                f"{money('60')} to Inviter",
            ],
        )

    def test_who_and_what_moved_are_told_by_their_names_of_today(self):
        # rule L3
        self.lead.user_id = self.sales
        self.lead.user_id = False
        team = self.env["crm.team"].create({"name": "Team South"})
        content = {"to_id": self.sales.id, "how": "turn", "team": team.id}
        self.lead._referral_log("assigned", content=content)
        self.assertEqual(self.get_events(fold=False)[0]["note"], "Team South")
        mine = self.get_events(member=self.member, fold=False)[0]
        self.assertEqual(mine["text"], f"{self.company.name} looks after it")
        self.assertFalse(mine["note"])
        self.lead.user_id = self.finance
        self.lead.user_id = self.sales
        self.lead.referrer_id = self.inviter
        channel = self.env["referral.channel"].create({"name": "Second channel"})
        self.lead.referral_channel_id = channel
        self.lead._referral_log("converted")
        self.lead.with_user(self.sales).action_referral_invalidate("Known", "duplicate")
        member = self.member.name
        expected = [
            "Nobody looks after it any more",
            "rd_finance looks after it",
            "rd_sales looks after it instead of rd_finance",
            f"Who brought it: Inviter instead of {member}",
            "Channel changed to Second channel",
            "Made an opportunity",
            "Found to be a duplicate by rd_sales",
        ]
        texts = [text for text in self.get_texts(fold=False)[::-1] if text in expected]
        self.assertEqual(texts, expected)

    def test_what_was_taken_back_reads_so(self):
        # rule C7
        self.lead.with_user(self.sales).action_referral_validate()
        self.lead.with_user(self.sales).action_referral_reopen("Not yet")
        texts = self.get_texts()
        self.assertIn(f"10 taken back from {self.member.name}", " ".join(texts))
        self.assertIn("The review was opened again", texts)
        mine = " ".join(self.get_texts(member=self.member))
        self.assertEqual(self.get_events()[0]["icon"], "reply")  # no gift
        self.assertIn("10 of yours taken back", mine)

    def test_the_contact_that_acted_in_the_portal_is_who(self):
        # rule L3
        trail = self.env["referral.trail.entry"].with_user(self.portal)
        trail.sudo()._append(self.lead, "lost")
        event = self.get_events()[0]
        self.assertEqual(event["who"], self.member.name)
        self.assertEqual(self.get_events(member=self.member)[0]["who"], "You")
        self.portal.partner_id = self.inviter  # the login is somebody else's now
        self.assertEqual(self.get_events()[0]["who"], self.member.name)

    def test_each_event_says_who_and_when_in_the_readers_zone(self):
        # rule L3
        at = datetime(2026, 3, 10, 18, 30, 5)
        self.lead.with_user(self.sales)._referral_log("lost", occurred_at=at)
        events = self.env["referral.trail.timeline"].with_context(tz="Asia/Shanghai")
        event = events._get_events(self.lead)[self.lead][0]
        self.assertEqual((event["who"], event["at"]), ("rd_sales", at))
        self.assertEqual(event["at_text"], "03/11/2026 02:30:05 AM")
        events = events.with_context(tz="America/New_York")
        event = events._get_events(self.lead)[self.lead][0]
        self.assertEqual(event["at_text"], "03/10/2026 02:30:05 PM")

    def test_who_reads_chinese_gets_chinese(self):
        # rule X4
        self.env["res.lang"]._activate_lang("zh_CN")
        self.lead.with_user(self.sales).action_referral_validate()
        texts = self.get_texts(self.lead.with_context(lang="zh_CN"))
        chinese = self.env(context={**self.env.context, "lang": "zh_CN"})
        events = chinese["referral.trail.timeline"]._get_events(self.lead)[self.lead]
        self.assertEqual(events[1]["text"], "rd_sales审核为有效")
        self.assertEqual(texts[1], "Found valid by rd_sales")

    def test_a_channel_is_called_what_the_reader_calls_it(self):
        # rule X4: the trail has the name in the language of who wrote the entry
        self.env["res.lang"]._activate_lang("zh_CN")
        self.channel.with_context(lang="zh_CN").name = "我们的社区"
        chinese = self.lead.with_context(lang="zh_CN")
        timeline = self.env["referral.trail.timeline"].with_context(lang="zh_CN")
        texts = [event["text"] for event in timeline._get_events(chinese)[chinese]]
        self.assertIn("我们的社区", texts[-1])
        self.assertIn("Our community", self.get_texts()[-1])

    def test_stages_are_called_what_the_reader_calls_them(self):
        # rule X4; one that is gone is told as it was written
        self.env["res.lang"]._activate_lang("zh_CN")
        stages = self.env["crm.stage"].create([{"name": "Tasting"}, {"name": "Gone"}])
        stages[0].with_context(lang="zh_CN").name = "品鉴"
        self.lead.stage_id = stages[1]
        self.lead.stage_id = stages[0]
        self.lead.stage_id = stages[1]
        self.lead.stage_id = stages[0]
        stages[1].unlink()
        timeline = self.env["referral.trail.timeline"].with_context(lang="zh_CN")
        events = timeline._get_events(self.lead, fold=False)[self.lead]
        self.assertIn("“Gone”变为“品鉴”", events[0]["text"])
        self.assertIn("“品鉴”变为“Gone”", events[1]["text"])
        self.assertIn("“Gone” to “Tasting”", self.get_events(fold=False)[0]["text"])

    def test_ten_steps_of_a_minute_are_one_event_that_opens(self):
        # rule L3
        at = datetime(2026, 3, 10, 4, 0)
        for number in range(10):
            self.lead._referral_log(
                "stage_changed",
                content={"from": f"Stage {number}", "to": f"Stage {number + 1}"},
                occurred_at=at + timedelta(seconds=number * 5),
            )
        event = self.get_events()[0]
        self.assertEqual(event["text"], "Moved from “Stage 0” to “Stage 10”")
        self.assertEqual(event["note"], "10 times in a row")
        self.assertEqual(len(event["more"]), 10)
        self.assertEqual(event["more"][0]["text"], "Moved from “Stage 9” to “Stage 10”")
        self.assertEqual(len(self.get_events(fold=False)), 13)

    def test_steps_of_others_or_of_another_hour_stay_apart(self):
        # rule L3
        at = datetime(2026, 3, 10, 4, 0)
        for number, user in enumerate((self.sales, self.sales, self.clerk, self.sales)):
            self.lead.with_user(user)._referral_log(
                "lost", occurred_at=at + timedelta(seconds=number)
            )
        for hours in (1, 2, 3):
            self.lead.with_user(self.sales)._referral_log(
                "lost", occurred_at=at + timedelta(hours=hours)
            )
        self.assertEqual(len(self.get_events()), 3 + 7)

    def test_a_node_that_nobody_wrote_a_sentence_for_still_reads(self):
        # what a later addon may write
        content = {"serial": "SN-7", "who": self.member.id}
        self.lead._referral_log("warranty_given", content=content)
        event = self.get_events()[0]
        self.assertEqual(event["text"], "Warranty given")
        self.assertEqual(event["note"], f"{self.member.name} · SN-7")
        self.assertNotIn("Warranty given", self.get_texts(member=self.member))

    def test_what_the_trail_names_may_be_gone(self):
        # rule L3
        self.lead._referral_log("merged", content={"into": 10**9})
        self.lead._referral_log("rewarded", content={"who": 10**9, "amount": "1 EUR?"})
        self.lead._referral_log("assigned", content={"to": {"id": 5, "name": "Gone"}})
        texts = self.get_texts()
        self.assertEqual(texts[0], "Gone looks after it")
        self.assertIn("1 EUR?", texts[1])

    def test_names_are_escaped_wherever_they_come_from(self):
        # threats P5, L3
        script = "<script>alert(1)</script>"
        self.member.name = script
        self.lead.with_user(self.sales).action_referral_invalidate(script)
        self.lead._referral_log("stage_changed", content={"from": script, "to": script})
        self.lead._referral_log("unheard_of", content={script: script})
        html = self.lead.with_user(self.sales).referral_timeline
        self.assertIn("&lt;script&gt;", html)
        self.assertNotIn("<script", html)

    def test_reading_takes_the_same_queries_for_any_number(self):
        # of entries, people, leads
        people = [self.make_member(f"Person {number}") for number in range(20)]

        def grow(lead, number):
            for person in people[:number]:
                lead._referral_log("rewarded", content={"who": person.id})
                lead._referral_log("lost")
            for user in (self.sales, self.finance, self.manager)[:number]:
                lead.with_user(user)._referral_log("restored")

        leads = self.lead + self.make_lead() + self.make_lead()
        for lead in leads:
            grow(lead, 3)
        self.make_contract(self.lead, amount=100)
        counts = []
        for read, number in ((leads[:2], 0), (leads[:2], 0), (leads, 20)):
            for lead in read:
                grow(lead, number)
            for _order in range(number // 5):
                self.make_contract(self.lead, amount=100)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            read.with_user(self.sales).mapped("referral_timeline")
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[2], counts[1])

    def test_an_order_reads_its_own_history_and_its_leads(self):
        # rule G4
        first = self.make_paid_contract(self.lead)
        second = self.make_contract(self.lead, amount=50)
        second.referral_lead_id = self.lead
        events = (first + second)._get_timeline_events()
        for order, other in ((first, second), (second, first)):
            texts = " ".join(event["text"] for event in events[order])
            self.assertIn(f"Contract {order.name} signed", texts)
            self.assertIn("The lead came in", texts)
            self.assertNotIn(other.name, texts)
        invoice = first.invoice_ids.name
        self.assertIn(invoice, " ".join(event["text"] for event in events[first]))
        self.assertNotIn(invoice, " ".join(event["text"] for event in events[second]))

    def test_orders_read_their_histories_in_one_go(self):
        orders = self.env["sale.order"]
        for _number in range(6):
            orders += self.make_contract(self.make_lead(), amount=100)
        self.assertReadInOneGo(orders, ["referral_timeline"], self.sales)

    def test_an_order_that_nobody_brought_has_no_timeline(self):
        self.assertFalse(self.make_contract().referral_timeline)

    def test_only_who_works_with_leads_reads_the_timeline(self):
        # threat P2
        self.assertIn("shared", self.lead.with_user(self.sales).referral_timeline)
        for user in (self.clerk, self.portal):
            fields = (
                self.env["crm.lead"].with_user(user).fields_get(["referral_timeline"])
            )
            self.assertFalse(fields)

    def test_the_newest_events_are_shown_of_an_endless_trail(self):
        for _number in range(5):
            self.lead._referral_log("lost")
        events = self.get_events(fold=False, limit=3)
        self.assertEqual([event["sequence"] for event in events], [8, 7, 6])


@tagged("post_install", "-at_install")
class TestNextStep(TimelineCase):
    def test_a_lead_says_what_it_waits_for_on_its_whole_way(self):
        # rule G4
        self.assertIn("Sales reviews it until ", self.get_next_step())
        asked = self.get_next_step(member=self.member)
        self.assertEqual(asked, "Sales looks at it: is it valid?")
        self.lead.with_user(self.sales).action_referral_validate()
        self.assertIn("Next: a quotation", self.get_next_step())
        order = self.make_order(self.lead)
        self.assertIn(f"Quotation {order.name} waits", self.get_next_step())
        order.action_confirm()
        self.assertIn("delivered and invoiced", self.get_next_step())
        invoice = self.invoice(order)
        self.assertIn("has not arrived yet", self.get_next_step())
        self.pay(invoice)
        self.assertIn("finance to confirm", self.get_next_step())
        order.with_user(self.finance).action_referral_confirm()
        self.assertIn("next payout", self.get_next_step())
        self.assertIn("Your reward", self.get_next_step(member=self.member))
        order.sudo().referral_commission_ids._set_state("settled")
        self.assertIn("all rewards are given", self.get_next_step())
        self.assertIn("you have your reward", self.get_next_step(member=self.member))

    def test_a_late_review_says_since_when(self):
        # rule L2
        with freeze_time(datetime.now() + timedelta(days=30)):
            self.lead.invalidate_recordset(["referral_review_overdue"])
            self.assertIn("was to review it until", self.get_next_step())

    def test_a_held_reward_waits_for_a_manager(self):
        # rule L5
        lead = self.make_lead(partner_id=self.member.id, phone="13800138000")
        self.assertEqual(lead.referral_hold_state, "held")
        self.assertIn("Sales reviews", self.get_next_step(lead))
        lead.with_user(self.sales).action_referral_validate()
        self.assertIn("until a manager decides", self.get_next_step(lead))
        self.assertIn("We check something", self.get_next_step(lead, self.member))
        rule = lead.referral_hold_ids.rule_id.display_name
        notes = [event["note"] for event in self.get_events(lead)]
        self.assertIn(rule, notes)
        notes = [event["note"] for event in self.get_events(lead, self.member)]
        self.assertNotIn(rule, notes)
        lead.with_user(self.manager).action_referral_withhold("The same person")
        self.assertIn("refused after a check", self.get_next_step(lead))
        self.assertNotIn("The same person", str(self.get_events(lead, self.member)))

    def test_what_is_over_says_so(self):
        # rule G4
        self.lead.with_user(self.sales).action_referral_invalidate("No such company")
        self.assertIn("found invalid", self.get_next_step())
        lost = self.make_lead()
        lost.with_user(self.sales).action_referral_validate()
        lost.action_set_lost()
        self.assertIn("Closed", self.get_next_step(lost))
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_refuse("Late")
        self.assertIn("Late", self.get_next_step(order.referral_lead_id))

    def test_of_several_orders_the_one_under_way_counts(self):
        # rule C2
        done = self.make_paid_contract(self.lead)
        done.with_user(self.finance).action_referral_confirm()
        self.lead.with_user(self.sales).action_referral_validate()
        open_order = self.make_order(self.lead)
        self.assertIn(open_order.name, self.get_next_step())
        later = self.make_paid_contract(self.lead)
        later.with_user(self.finance).action_referral_confirm()
        self.assertIn(open_order.name, self.get_next_step())
        open_order._action_cancel()
        self.assertIn("payout", self.get_next_step())
