from random import Random

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.mail.tests.common import MailCommon

from .common import ReferralCase
from .test_intake import EVIL

MAIL = """Return-Path: <{sender}>
From: {author}
To: {to}
Cc: {cc}
Subject: {subject}
Message-Id: <{number}@customer.example>
MIME-Version: 1.0
Content-Type: {kind}; charset=utf-8
Content-Transfer-Encoding: 8bit
{more}
{body}
"""
GATEWAY = ("odoo.addons.mail.models.mail_thread", "odoo.models.unlink")


@tagged("post_install", "-at_install")
class LeadMailCase(ReferralCase, MailCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.public = cls.env.ref("base.public_user")
        team = cls.env["crm.team"].create(
            {"name": "Inbox", "company_id": cls.company.id, "alias_name": "rd-sales"}
        )
        cls.alias = team.alias_id
        cls.address = cls.alias.alias_full_name
        cls.host = cls.env["referral.link"].get_base_url()
        cls.number = 0

    def receive(self, body="We need a website.", to=None, html=False, **values):
        """Let a stranger's mail arrive; return the lead it made."""
        type(self).number += 1
        mail = MAIL.format(
            **{
                "sender": "wang@customer.example",
                "author": "Wang Wei <Wang@Customer.example>",
                "to": to or self.address,
                "cc": "",
                "subject": "A question",
                "number": f"rd-{self.number}",
                "kind": "text/html" if html else "text/plain",
                "more": "",
                "body": body,
                **values,
            }
        )
        thread = self.env["mail.thread"].with_user(self.env.ref("base.user_root"))
        with mute_logger(*GATEWAY):
            lead_id = thread.message_process(
                "crm.lead", mail.encode("utf-8", "replace")
            )
        return self.env["crm.lead"].browse(lead_id)

    def plus(self, code, name="rd-sales"):
        return f"{name}+{code}@{self.address.partition('@')[2]}"


@tagged("post_install", "-at_install")
class TestLeadMail(LeadMailCase):
    """Mail to the leads' alias that carries a code (rules L1, L4)."""

    def assertCredited(self, lead, member, link=None):
        self.assertEqual(lead.referrer_id, member)
        self.assertEqual(lead.referral_link_id, link or self.link.browse())
        self.assertEqual(lead.referral_evidence, "email" if member else False)

    def test_a_code_may_stand_in_a_plus_address(self):
        lead = self.receive(to=self.plus(self.link.code))
        self.assertCredited(lead, self.member, self.link)
        self.assertEqual(lead.referral_channel_id, self.channel)
        self.assertEqual(lead.source_id, self.channel.source_id)
        self.assertFalse(lead.referral_touch_at or lead.referral_landing_page)
        self.assertEqual(self.nodes(lead), ["shared", "created"])
        self.assertIn("e-mail", lead.referral_attribution_text)
        code = self.member.invite_code
        lead = self.receive(to="x@customer.example", cc=f"Us <{self.plus(code)}>")
        self.assertCredited(lead, self.member)

    def test_a_plus_address_reaches_the_alias_and_its_team(self):
        lead = self.receive(to=self.plus(self.link.code))
        self.assertEqual(lead.team_id.alias_id, self.alias)
        self.assertEqual(lead.company_id, self.company)

    def test_other_plus_addresses_are_left_alone(self):
        threads = self.env["mail.thread"]
        domain = self.address.partition("@")[2]
        self.env["mail.alias"].create(
            {
                "alias_name": "rd-people",
                "alias_model_id": self.env["ir.model"]._get_id("res.partner"),
            }
        )
        people = f"rd-people+x@{domain}"
        for address in (
            people,
            f"nobody+x@{domain}",
            f"+x@{domain}",
            "a@b.example",
            "+",
            "",
        ):
            with self.subTest(address=address):
                self.assertEqual(threads._get_lead_aliases(address), [])
        found = threads._get_lead_aliases(f"RD-Sales+A+b@{domain.upper()}")
        self.assertEqual(found, [self.address])

    def test_a_code_may_stand_in_a_line_of_the_text(self):
        invite = self.member.invite_code
        for body in (
            f"Hello,\nReferral code: {invite}\nBye",
            f"你好\n推荐码：{invite}。谢谢",
            f"  invite code : {self.link.code}",
        ):
            with self.subTest(body=body):
                self.assertEqual(self.receive(body).referrer_id, self.member)
        lead = self.receive(subject=f"Website? Referral code: {invite.lower()}")
        self.assertCredited(lead, self.member)
        lead = self.receive(f"<p>Hi</p><p>推荐码: {invite}</p>", html=True)
        self.assertCredited(lead, self.member)

    def test_a_code_may_stand_in_a_link_to_the_own_site(self):
        code = self.link.code
        for body in (
            f"I read {self.host}/s/{code}.",
            f"see {self.host}/blog/a-1?x=1&referral={code}#top",
        ):
            with self.subTest(body=body):
                self.assertCredited(self.receive(body), self.member, self.link)
        lead = self.receive(f'<a href="{self.host}/s/{code}">this</a>', html=True)
        self.assertCredited(lead, self.member, self.link)
        lead = self.receive(f"https://evil.example/s/{code} rd+{code}@evil")
        self.assertCredited(lead, self.member.browse())

    def test_what_is_quoted_does_not_count(self):
        line = f"Referral code: {self.link.code}"
        for body in (
            f"Hello\n> {line}",
            f"Hello\n-----Original Message-----\n{line}",
            f"Hello\nOn Monday, Li wrote:\n{line}",
        ):
            with self.subTest(body=body):
                self.assertCredited(self.receive(body), self.member.browse())
        for body in (
            f"<p>Hello</p><blockquote><p>{line}</p></blockquote>",
            f'<p>Hello</p><div class="gmail_quote"><p>{line}</p></div>',
            f'<p>Hello</p><div class="gmail_extra"><p>{line}</p></div>',
        ):
            with self.subTest(body=body):
                lead = self.receive(body, html=True)
                self.assertCredited(lead, self.member.browse())

    def test_the_most_deliberate_code_counts_and_bad_ones_are_passed_over(self):
        other = self.env["referral.link"]._obtain(self.inviter, self.channel, "/o")
        line = f"Referral code: {self.link.code}"
        lead = self.receive(line, to=self.plus(other.code))
        self.assertCredited(lead, self.inviter, other)
        other.active = False
        self.env.flush_all()  # as before any request
        lead = self.receive(line, to=self.plus(other.code))
        self.assertCredited(lead, self.member, self.link)

    def test_a_code_of_who_takes_no_part_makes_a_lead_of_nobody(self):
        """Threats S7, I5: archived, suspended, left; withdrawn; another company's."""
        invite, bodies = self.member.invite_code, []
        bodies = [f"Referral code: {code}" for code in (invite, self.link.code)]
        for state in ("suspended", "left"):
            self.member.member_state = state
            for body in bodies:
                with self.subTest(state=state, body=body):
                    self.assertCredited(self.receive(body), self.member.browse())
        self.member.member_state = "active"
        self.portal.active = False
        self.member.active = False
        for body in bodies:
            self.assertCredited(self.receive(body), self.member.browse())
        self.member.active = True
        other = self.env["res.company"].create({"name": "Other"})
        link = self.env["referral.link"].with_company(other)
        link = link._obtain(self.member, self.channel, "/x")
        lead = self.receive(f"Referral code: {link.code}")
        self.assertCredited(lead, self.member.browse())

    def test_nobody_refers_oneself(self):
        self.member.email = "m@member.example"
        body = (
            f"Referral code: {self.member.invite_code}\n{self.host}/s/{self.link.code}"
        )
        mine = {"author": "M <m@member.example>", "sender": "m@member.example"}
        self.assertCredited(self.receive(body, **mine), self.member.browse())
        self.assertCredited(self.receive(body), self.member)

    def test_an_answer_to_a_lead_makes_no_other(self):
        lead = self.receive()
        told = lead.message_ids.filtered("message_id")[:1].message_id
        self.receive(
            f"Referral code: {self.link.code}",
            more=f"In-Reply-To: {told}\nReferences: {told}\n",
        )
        self.assertCredited(lead, self.member.browse())

    def test_a_mail_is_cleaned_and_never_refused(self):
        """Threat L3: what nobody would read an answer to is cut."""
        lead = self.receive(
            subject="=?utf-8?b?PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0PuKAruKArg==?=",
            author=f'"{"W" * 400}\u202e" <Wang@Customer.example>',
        )
        self.assertEqual(lead.name, "<script>alert(1)</script>")
        self.assertNotIn("\u202e", lead.email_from)
        self.assertEqual(lead.email_normalized, "wang@customer.example")
        lead = self.receive(author='"Wang Wei" <Wang@Customer.example>')
        self.assertEqual(lead.email_from, '"Wang Wei" <Wang@Customer.example>')

    def test_what_the_alias_says_cannot_set_who_brought_it(self):
        """Our fields stay closed while a mail is made a lead."""
        lead = self.receive(f"Referral code: {self.member.invite_code}")
        self.assertFalse(lead.env.context.get("referral_gate"))
        self.assertEqual(lead.referral_validity, "to_review")

    def test_a_seeded_storm_of_mails_makes_a_lead_each(self):
        chance = Random(13)
        for text in EVIL:
            text = text.replace("\0", " ")
            subject = text.replace("\n", " ")[:500]
            body = chance.choice(("", "Referral code: ", f"{self.host}/s/")) + text
            with self.subTest(text=text[:20]):
                lead = self.receive(body, subject=subject, html=chance.random() < 0.5)
                lead.flush_recordset()
                self.assertTrue(lead.name)
                self.assertLessEqual(len(lead.name), 200)
                self.assertFalse(lead.referrer_id)
