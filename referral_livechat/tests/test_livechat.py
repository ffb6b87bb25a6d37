from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from odoo.addons.referral_distribution.tests.test_attribution import VisitorCase
from odoo.addons.referral_distribution.tests.test_door import DoorCase


@tagged("post_install", "-at_install")
class LivechatCase(VisitorCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = cls.make_user("rd_operator", "sales")
        cls.operator.group_ids |= cls.env.ref("im_livechat.im_livechat_group_user")
        cls.livechat = cls.env["im_livechat.channel"].create(
            {"name": "Website", "user_ids": [Command.link(cls.operator.id)]}
        )
        cls.guest = cls.env["mail.guest"].create({"name": "Visitor"})

    def start_chat(self, visits=None, **request):
        """Return a chat that a visitor begins, who came through links days ago."""
        with self.visit(visits, **request):
            livechat = self.livechat.sudo().with_user(self.public)
            livechat = livechat.sudo().with_context(guest=self.guest)
            vals = livechat._get_livechat_discuss_channel_vals(
                agent=self.operator,
                operator_partner=self.operator.partner_id,
                operator_model="res.users",
            )
        return self.env["discuss.channel"].sudo().create(vals)

    def say(self, chat, text, guest=True):
        author = {"author_guest_id": self.guest.id, "author_id": False}
        if not guest:
            author = {"author_id": self.operator.partner_id.id}
        return self.env["mail.message"].create(
            {
                "model": "discuss.channel",
                "res_id": chat.id,
                "message_type": "comment",
                "body": text,
                **author,
            }
        )

    def make_lead_of(self, chat, text="A website"):
        """Return the lead of the operator's command in the chat."""
        chat = chat.with_user(self.operator)
        lead = chat._convert_visitor_to_lead(self.operator.partner_id, f"/lead {text}")
        return lead.sudo()


@tagged("post_install", "-at_install")
class TestLivechat(LivechatCase):
    """Leads of a live chat go to who brought the visitor (rules L1, L4)."""

    def assertCredited(self, lead, link):
        self.assertEqual(lead.referral_link_id, link)
        self.assertEqual(lead.referrer_id, link.partner_id)
        self.assertEqual(lead.referral_evidence, "livechat" if link else False)

    def test_the_visit_the_chat_began_on_counts(self):
        chat = self.start_chat({10: self.link, 2: self.second})
        lead = self.make_lead_of(chat)
        self.assertCredited(lead, self.second)
        self.assertEqual(lead.referral_first_link_id, self.link)
        self.assertEqual(lead.referral_last_link_id, self.second)
        self.assertEqual(lead.referral_policy, "last")
        self.assertEqual(lead.referral_landing_page, "/a")
        self.assertEqual(lead.referral_channel_id, self.channel)
        self.assertEqual(lead.referral_touch_at, lead.referral_last_touch_at)
        self.assertIn("personal link", lead.referral_attribution_text)
        self.assertEqual(self.nodes(lead), ["shared", "clicked", "created"])

    def test_the_code_in_the_address_of_the_page_counts(self):
        page = f"http://localhost/contactus?referral={self.link.code}"
        with self.visit() as request:
            page = page.replace("localhost", request.httprequest.host)
        lead = self.make_lead_of(self.start_chat(page=page))
        self.assertCredited(lead, self.link)

    def test_a_code_the_visitor_writes_counts_and_the_operators_does_not(self):
        chat = self.start_chat()
        line = f"<p>Referral code: {self.link.code}</p>"
        self.say(chat, line, guest=False)
        self.assertCredited(self.make_lead_of(chat), self.link.browse())
        self.say(chat, line)
        lead = self.make_lead_of(chat)
        self.assertCredited(lead, self.link)
        self.assertFalse(lead.referral_touch_at)
        self.assertEqual(self.nodes(lead), ["shared", "created"])
        chat = self.start_chat({1: self.second})
        self.say(chat, line)
        self.assertCredited(self.make_lead_of(chat), self.second)

    def test_a_link_that_was_closed_meanwhile_counts_no_more(self):
        """Threat S7."""
        chat = self.start_chat({1: self.link})
        self.link.active = False
        self.env.flush_all()
        self.assertCredited(self.make_lead_of(chat), self.link.browse())

    def test_nobody_refers_oneself(self):
        """Also who logs in while the chat goes on."""
        chat = self.start_chat({1: self.link})
        self.say(chat, f"Referral code: {self.member.invite_code}")
        self.env["discuss.channel.member"].create(
            {
                "channel_id": chat.id,
                "partner_id": self.member.id,
                "livechat_member_type": "visitor",
            }
        )
        self.assertIn(self.member, chat.livechat_customer_partner_ids)
        self.assertCredited(self.make_lead_of(chat), self.link.browse())

    def test_a_chat_of_nobodys_visitor_is_nobodys_lead(self):
        lead = self.make_lead_of(self.start_chat())
        self.assertCredited(lead, self.link.browse())
        self.assertFalse(lead.referral_landing_page)

    def test_nobody_who_reads_a_chat_reads_or_sets_its_visit(self):
        chat = self.start_chat({1: self.link}).with_user(self.operator)
        self.assertNotIn("referral_visit", chat.fields_get())
        with self.assertRaisesRegex(Exception, "referral_visit|access"):
            chat.read(["referral_visit"])
        with self.assertRaisesRegex(Exception, "referral_visit|access"):
            chat.write({"referral_visit": {"referral_link_id": self.second.id}})

    def test_a_chat_is_cleaned_and_never_refused(self):
        """Threat L3."""
        chat = self.start_chat()
        self.say(chat, "a\u202eb")
        lead = self.make_lead_of(chat, "x" * 500 + "\u202e")
        self.assertEqual(len(lead.name), 200)
        self.assertNotIn("\u202e", lead.description)

    def test_a_bots_lead_goes_to_who_brought_the_visitor(self):
        script = self.env["chatbot.script"].create({"title": "Bot"})
        step = self.env["chatbot.script.step"].create(
            {"step_type": "create_lead", "chatbot_script_id": script.id, "message": "x"}
        )
        chat = self.start_chat({1: self.link})
        chat.chatbot_current_step_id = step
        with self.visit():
            lead = step.sudo().with_user(self.public).sudo()
            lead = lead._process_step_create_lead(chat.with_env(lead.env))
        self.assertCredited(lead, self.link)


@tagged("post_install", "-at_install")
class TestLivechatOverHttp(DoorCase, HttpCase):
    """From the personal link to the chat, as a browser does it."""

    def test_the_chat_remembers_the_link(self):
        operator = self.make_user("rd_operator", "sales")
        operator.group_ids |= self.env.ref("im_livechat.im_livechat_group_user")
        self.env["mail.presence"]._update_presence(operator)
        livechat = self.env["im_livechat.channel"].create(
            {"name": "Website", "user_ids": [Command.link(operator.id)]}
        )
        if "website" in self.env:
            self.env["website"].search([]).cookies_bar = False
        self.knock()
        data = self.make_jsonrpc_request(
            "/im_livechat/get_session",
            {"channel_id": livechat.id, "persisted": True},
        )
        chat = self.env["discuss.channel"].browse(data["channel_id"])
        visit = chat.sudo().referral_visit
        self.assertEqual(visit["referral_link_id"], self.link.id)
        self.assertNotIn("referral_visit", str(data["store_data"]))
        lead = chat.with_user(operator)._convert_visitor_to_lead(
            operator.partner_id, "/lead A website"
        )
        self.assertEqual(lead.sudo().referrer_id, self.member)
        self.assertEqual(lead.sudo().referral_landing_page, "/shop")
