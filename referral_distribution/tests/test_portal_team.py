import re

from odoo import http
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import referral_team
from .test_portal import PortalCase

TEAM = "/my/referral/team"


class TeamCase(PortalCase):
    """``grandparent`` has a login too, and a team three levels deep."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.top_user = cls.make_portal_user("rd_top", cls.grandparent)
        cls.roles = {
            role: cls.env.ref(f"referral_distribution.res_partner_grade_{role}")
            for role in ("agent", "distributor", "member")
        }
        cls.company.referral_team_names = "full"
        cls.inviter.name, cls.member.name = "Ivy Inviter", "Mary Member"

    def person_ids(self, path=TEAM):
        found = re.findall(rf'href="{TEAM}/(\d+)"', self.get_page(path))
        return [int(number) for number in found]

    def figures(self, path):
        page = self.get_page(path)
        rows = re.findall(r"o_referral_person_figures.*?</div>", page, re.DOTALL)
        return [re.findall(r"<b[^>]*>(\d+)<", row) for row in rows]


@tagged("post_install", "-at_install")
class TestTeamPage(TeamCase):
    def test_the_nearest_people_come_first_and_others_teams_never(self):
        # rules M1, M2
        sibling = self.make_member("Sibling", inviter_id=self.grandparent.id)
        stranger = self.make_member("Nobody of theirs")
        self.log_in(self.top_user)
        ids = self.person_ids()
        self.assertEqual(set(ids[:2]), {self.inviter.id, sibling.id})
        self.assertEqual(ids[2:], [self.member.id])
        self.assertNotIn(stranger.id, ids)

    def test_levels_are_filtered_up_to_five_and_the_rest_is_deeper(self):
        # rule M1
        above, chain = self.member, []
        for number in range(3, 9):
            above = self.make_member(f"Level {number}", inviter_id=above.id)
            chain.append(above)
        self.log_in(self.top_user)
        for level, expected in (
            (1, [self.inviter]),
            (2, [self.member]),
            (3, chain[:1]),
            (5, chain[2:3]),
            (6, chain[3:]),
        ):
            with self.subTest(level=level):
                ids = self.person_ids(f"{TEAM}?level={level}")
                self.assertEqual(ids, [person.id for person in expected])
        page = self.get_page(TEAM)
        for label in ("Invited by you", "Level 2", "Level 5", "Deeper"):
            self.assertIn(label, page)
        self.assertEqual(len(self.person_ids(f"{TEAM}?level=7")), 8)

    def test_people_are_filtered_by_membership(self):
        # rule M1
        waiting = self.make_member(
            "Waiting", inviter_id=self.grandparent.id, member_state="candidate"
        )
        gone = self.make_member("Gone", inviter_id=self.grandparent.id)
        gone.member_state = "left"
        self.log_in(self.top_user)
        self.assertEqual(self.person_ids(f"{TEAM}?state=candidate"), [waiting.id])
        self.assertNotIn(gone.id, self.person_ids())
        self.assertNotIn(waiting.id, self.person_ids(f"{TEAM}?state=active"))

    def test_an_agent_chooses_between_distributors_and_members(self):
        # rule M1
        self.inviter.grade_id = self.roles["distributor"]
        self.log_in(self.top_user)
        self.assertNotIn("role=distributor", self.get_page(TEAM))
        self.grandparent.grade_id = self.roles["agent"]
        self.assertIn("role=distributor", self.get_page(TEAM))
        ids = self.person_ids(f"{TEAM}?role=distributor")
        self.assertEqual(ids, [self.inviter.id])

    def test_names_are_masked_where_the_company_says_so(self):
        # rule M1, threat P1
        self.company.referral_team_names = "masked"
        self.log_in(self.top_user)
        for path in (TEAM, f"{TEAM}/{self.inviter.id}", f"{TEAM}?search=Inv"):
            with self.subTest(path=path):
                page = self.get_page(path)
                main = page[page.index("referral_nav") : page.index("<footer")]
                self.assertIn("I**", main)
                self.assertNotIn(self.inviter.name, main)
        self.assertNotIn("Find somebody", self.get_page(TEAM))
        self.company.referral_team_names = "full"
        page = self.get_page(TEAM)
        self.assertIn(self.inviter.name, page)
        self.assertIn("Find somebody", page)

    def test_who_is_looked_for_by_name_is_found_where_names_are_full(self):
        # threat P1: under masked names a search would tell letter by letter
        self.make_member("100%_sure", inviter_id=self.grandparent.id)
        self.log_in(self.top_user)
        self.assertEqual(self.person_ids(f"{TEAM}?search=invit"), [self.inviter.id])
        self.assertEqual(len(self.person_ids(f"{TEAM}?search=%25_")), 1)
        self.company.referral_team_names = "masked"
        self.assertEqual(len(self.person_ids(f"{TEAM}?search=invit")), 3)

    def test_another_companys_people_are_not_in_the_team(self):
        # threat P3
        company = self.env["res.company"].create({"name": "Elsewhere"})
        other = self.make_member(
            "Other", inviter_id=self.grandparent.id, company_id=company.id
        )
        self.log_in(self.top_user)
        self.assertNotIn(other.id, self.person_ids())
        self.assertEqual(self.url_open(f"{TEAM}/{other.id}").status_code, 404)

    def test_a_long_team_has_pages(self):
        # rule X1
        for number in range(21):
            self.make_member(f"Person {number}", inviter_id=self.member.id)
        self.log_in()
        first, second = self.person_ids(), self.person_ids(f"{TEAM}/page/2")
        self.assertEqual((len(first), len(second)), (20, 1))
        self.assertFalse(set(first) & set(second))

    def test_a_page_of_two_and_a_full_page_take_the_same_queries(self):
        # rule X1
        self.member.grade_id = self.roles["agent"]
        self.company.referral_team_insight = "amounts"
        self.log_in()
        counts = []
        for number in (2, 20):
            for index in range(number):
                invitee = self.make_member(f"P {index}", inviter_id=self.member.id)
                self.make_member(f"Q {index}", inviter_id=invitee.id)
            self.env.flush_all()
            paths = (TEAM, f"{TEAM}?level=1", f"{TEAM}/{invitee.id}")
            counts.append([self.count_queries(path) for path in paths])
        self.assertEqual(counts[0], counts[1])

    def test_the_joining_day_is_when_membership_began(self):
        # rule M1
        self.inviter.member_since = "2024-03-05 10:00:00"
        self.log_in(self.top_user)
        self.assertIn("2024", self.get_page(f"{TEAM}/{self.inviter.id}"))

    def test_agents_and_distributors_see_who_waits(self):
        # rule M1
        self.make_member("W", inviter_id=self.inviter.id, member_state="candidate")
        self.log_in(self.other_user)
        notice = "wait for the company"
        self.assertNotIn(notice, self.get_page(TEAM))
        self.inviter.grade_id = self.roles["distributor"]
        self.assertIn(notice, self.get_page(TEAM))


@tagged("post_install", "-at_install")
class TestTeamInsight(TeamCase):
    """What the people below brought, as the company's setting says (rule M1)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.inviter.grade_id = cls.roles["distributor"]
        lead = cls.make_lead(partner_name="Secret Customer", phone="13800138000")
        lead.with_user(cls.sales).action_referral_validate()
        cls.make_lead(contact_name="Wang Wei")
        cls.make_contract(lead, amount=120000)
        cls.make_order(lead, amount=777)  # a quotation is no contract

    def test_each_setting_shows_its_part(self):
        self.log_in(self.other_user)
        for setting, expected in (
            ("none", []),
            ("counts", [["2", "1", "1"]]),
            ("amounts", [["2", "1", "1"]]),
        ):
            with self.subTest(setting=setting):
                self.company.referral_team_insight = setting
                self.assertEqual(self.figures(TEAM), expected)
                page = self.get_page(f"{TEAM}/{self.member.id}")
                for path_page in (page, self.get_page(TEAM)):
                    shows_amount = "120,000.00" in path_page
                    self.assertEqual(shows_amount, setting == "amounts")
                self.assertEqual("Valid leads" in page, setting != "none")

    def test_a_plain_member_sees_no_figures(self):
        self.company.referral_team_insight = "amounts"
        self.inviter.grade_id = self.roles["member"]
        self.log_in(self.other_user)
        self.assertFalse(self.figures(TEAM))
        page = self.get_page(f"{TEAM}/{self.member.id}")
        self.assertNotIn("Valid leads", page)
        self.assertNotIn("120,000", page)

    def test_customers_are_never_shown(self):
        # threat P1
        self.company.referral_team_insight = "amounts"
        self.log_in(self.other_user)
        for path in (TEAM, f"{TEAM}/{self.member.id}"):
            page = self.get_page(path)
            for secret in ("Secret Customer", "13800138000", "Wang", "A Customer"):
                self.assertNotIn(secret, page)

    def test_figures_are_those_of_this_company_in_its_currency(self):
        # threat P3
        teams = self.env["referral.team"]
        order = self.env["sale.order"].search([("referrer_id", "=", self.member.id)])
        order.currency_rate = 2.0
        figures = teams._query_figures(self.member.ids, self.company)
        self.assertEqual(figures[self.member.id]["amount"], 60000.0)
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        lead = self.make_lead()
        lead.company_id = elsewhere
        figures = teams._query_figures(self.member.ids, elsewhere)
        self.assertEqual(figures[self.member.id]["contracts"], 0)
        figures = teams._query_figures(self.member.ids, self.company)
        self.assertEqual(figures[self.member.id]["leads"], 2)


@tagged("post_install", "-at_install")
class TestPersonPage(TeamCase):
    def test_only_people_of_the_own_team_have_a_page(self):
        # threat P1
        niece = self.make_member("Niece", inviter_id=self.inviter.id)
        customer = self.customer
        left = self.make_member("Left", inviter_id=self.member.id)
        left.member_state = "left"
        mine = self.make_member("Mine", inviter_id=self.member.id)
        self.log_in()
        self.assertIn("Mine", self.get_page(f"{TEAM}/{mine.id}"))
        others = (self.member, self.inviter, self.grandparent, niece, customer, left)
        numbers = [person.id for person in others]
        for number in (*numbers, 0, 2**31, 10**30):
            with self.subTest(number=number):
                response = self.url_open(f"{TEAM}/{number}")
                self.assertEqual(response.status_code, 404)
        self.log_in(self.stranger)
        self.assertEqual(self.url_open(f"{TEAM}/{mine.id}").status_code, 404)

    def test_it_shows_standing_tier_and_the_direct_team(self):
        # rule M1
        self.member.grade_id = self.roles["distributor"]
        child = self.make_member("Child", inviter_id=self.member.id)
        self.make_member("Grandchild", inviter_id=child.id)
        self.log_in(self.other_user)
        page = self.get_page(f"{TEAM}/{self.member.id}")
        for part in ("Member", "Distributor", "Active", f"{TEAM}/{child.id}"):
            self.assertIn(part, page)
        self.assertNotIn("Grandchild", page)

    def test_a_prefix_of_a_path_is_nobodys_team(self):
        # rule M3: 1/7/ is not above 1/70/
        teams = self.env["referral.team"]
        found, level = teams._find(self.grandparent, self.company, self.member.id)
        self.assertEqual((found, level), (self.member, 2))
        self.assertFalse(teams._find(self.member, self.company, self.inviter.id)[0])
        self.assertFalse(teams._find(self.member, self.company, self.member.id)[0])

    def test_the_levels_counted_add_up_to_the_team(self):
        # rule M1
        counts = self.env["referral.team"]._count(self.grandparent, self.company)
        self.assertEqual(sum(counts.values()), self.grandparent.invite_team_size)
        self.assertEqual(referral_team.DEEPER, 6)


@tagged("post_install", "-at_install")
class TestJoining(PortalCase):
    """A contact with an account applies, or names its inviter (rules M2, M6)."""

    def join(self, invite="", user=None, **values):
        if user:
            self.log_in(user)
        data = {"csrf_token": http.Request.csrf_token(self), "invite": invite}
        return self.url_open("/my/referral/join", data={**data, **values})

    def test_who_applies_waits_for_a_manager(self):
        newcomer = self.stranger.partner_id
        page = self.join(self.member.invite_code, self.stranger).text
        self.assertIn("Thank you for applying", page)
        self.assertEqual(newcomer.member_state, "candidate")
        self.assertEqual(newcomer.inviter_id, self.member)
        self.assertFalse(newcomer.invite_code)

    def test_a_bad_code_changes_nothing(self):
        newcomer = self.stranger.partner_id
        response = self.join("NOSUCHXX", self.stranger)
        self.assertIn("There is no such invite code", response.text)
        self.assertIn('value="NOSUCHXX"', response.text)
        self.assertFalse(newcomer.member_state or newcomer.inviter_id)
        self.join("", self.stranger)
        self.assertEqual(newcomer.member_state, "candidate")

    def test_a_candidate_may_name_its_inviter_later(self):
        newcomer = self.stranger.partner_id
        self.join("", self.stranger)
        self.assertIn("Who invited you", self.get_page("/my/referral"))
        self.join(self.member.invite_code)
        self.assertEqual(newcomer.inviter_id, self.member)
        self.assertEqual(newcomer.member_state, "candidate")
        self.assertNotIn("Who invited you", self.get_page("/my/referral"))

    def test_a_member_names_its_inviter_once(self):
        other = self.make_member("Other")
        user = self.make_portal_user("rd_root", other)
        self.assertIn("Enter the invite code", self.join("", user).text)
        self.join(self.member.invite_code)
        self.assertEqual(other.inviter_id, self.member)
        page = self.join(self.inviter.invite_code)
        self.assertIn("You have an inviter already", page.text)
        self.assertEqual(other.inviter_id, self.member)

    def test_the_own_code_and_that_of_somebody_below_are_no_inviters(self):
        # rule M3
        user = self.make_portal_user("rd_root", self.grandparent)
        page = self.join(self.grandparent.invite_code, user).text
        self.assertIn("This is your own invite code", page)
        page = self.join(self.member.invite_code).text
        self.assertIn("stands below you", page)
        self.assertFalse(self.grandparent.inviter_id)

    def test_refused_suspended_and_left_read_the_reason(self):
        newcomer = self.stranger.partner_id
        manager = {"env": self.env(user=self.manager)}
        self.join("", self.stranger)
        mine = newcomer.with_env(manager["env"])
        mine.action_referral_refuse_membership("No room this year")
        page = self.get_page("/my/referral")
        self.assertIn("was not accepted", page)
        self.assertIn("No room this year", page)
        self.join("")
        self.assertEqual(newcomer.member_state, "candidate")
        mine.action_referral_approve()
        mine.action_referral_suspend("Sent spam")
        self.assertIn("Sent spam", self.get_page("/my/referral"))
        self.assertIn("This membership is suspended", self.join("").text)
        self.assertIn("This membership is suspended", self.join("NOSUCHXX").text)
        mine.action_referral_leave("Moved away")
        page = self.get_page("/my/referral")
        self.assertIn("has ended", page)
        self.assertIn("Moved away", page)
        self.join("")
        self.assertEqual(newcomer.member_state, "candidate")

    @mute_logger("odoo.http")
    def test_the_form_needs_its_token(self):
        # threat P4
        response = self.join("", self.stranger, csrf_token="wrong")
        self.assertEqual(response.status_code, 400)
        self.assertFalse(self.stranger.partner_id.member_state)

    def test_posted_extra_fields_are_ignored(self):
        # threat I4
        newcomer = self.stranger.partner_id
        extra = {
            "inviter_id": self.member.id,
            "member_state": "active",
            "partner_id": self.inviter.id,
            "apply": "",
        }
        self.join("", self.stranger, **extra)
        self.assertEqual(newcomer.member_state, "candidate")
        self.assertFalse(newcomer.inviter_id)


@tagged("post_install", "-at_install")
class TestInvitePage(PortalCase):
    def test_it_has_the_sign_up_link_and_its_qr_code(self):
        # rules M2, S6
        self.log_in()
        address = f"{self.base_url()}/web/signup?invite={self.member.invite_code}"
        for path in ("", "/team", "/invite"):
            self.assertIn(address, self.get_page(f"/my/referral{path}"))
        page = self.get_page("/my/referral/invite")
        source = re.search(r'src="(/report/barcode/[^"]+)"', page)[1]
        image = self.url_open(source.replace("&amp;", "&"))
        self.assertEqual(image.headers["Content-Type"], "image/png")

    def test_it_lists_the_own_single_use_codes_with_their_status(self):
        # rule M6, threat P1
        codes = self.env["referral.invite.code"].create(
            [
                {"partner_id": self.member.id, "kind": "single_use"},
                {"partner_id": self.member.id, "kind": "single_use"},
                {"partner_id": self.inviter.id, "kind": "single_use"},
            ]
        )
        newcomer = self.make_member("Zoe Newcomer")
        codes[1]._claim(newcomer)
        self.log_in()
        page = self.get_page("/my/referral/invite")
        self.assertIn(codes[0].code, page)
        self.assertIn("Used", page)
        self.assertIn("Z**", page)
        self.assertNotIn("Zoe", page)
        self.assertNotIn(codes[2].code, page)
        self.assertNotIn(f"invite={codes[1].code}", page)

    def test_a_suspended_member_has_no_link_to_give(self):
        # rule M1
        self.member.member_state = "suspended"
        self.log_in()
        for path in ("", "/team", "/invite"):
            self.assertNotIn("/web/signup?invite", self.get_page(f"/my/referral{path}"))
