from contextlib import contextmanager
from datetime import datetime, time, timedelta

import freezegun

from odoo import Command, api, fields, models

from odoo.addons.referral_distribution.engine.visit import Visit
from odoo.addons.referral_distribution.models import gate
from odoo.addons.referral_distribution.models.referral_attribution import Attribution

from ..story import articles, business, people, regions
from ..story import channels as partners

DISTRIBUTION = "referral_distribution"


class ReferralDemo(models.AbstractModel):
    """Tells the demo story through the code paths that users take.

    Only the clock is turned: each step happens on its day, so that dates, phases,
    trails and balances follow from the rules and nothing is written by hand.
    """

    _name = "referral.demo"
    _description = "Referral Demo Story"

    @api.model
    def _tell(self):
        """Tell the whole story in the main company."""
        story = self.with_context(
            tracking_disable=True, mail_create_nosubscribe=True, no_reset_password=True
        )
        with story._turn_clock() as clock:
            story._set_up_company()
            staff = story._make_staff()
            members = story._make_members(clock)
            story._give_territories(clock, staff, members)
            story._make_codes(clock, staff, members)
            joined = {person.key: person.joined for person in people.MEMBERS}
            story._ask_consent(clock, joined, members)
            posts = story._publish_articles(clock, staff)
            partner = story._make_partner()
            channels = story._make_channels(clock, staff, partner)
            story._make_bank_accounts({**members, "partner": partner})
            services = story._make_services()
            scene = {
                "staff": staff,
                "members": {**members, "partner": partner},
                "posts": posts,
                "channels": channels,
                "services": services,
                "rewards": story._make_rewards(),
            }
            for step in sorted(story._list_steps(scene), key=lambda step: -step[0]):
                clock(step[0])
                step[1](*step[2:])
            clock(0)
            story._propose_tiers()
            story._agree_rates(staff, members)
            story._grant_by_hand(staff)
            story._simulate_draft(staff)
            story._call_on_partners(scene)
            story._make_visits(clock)

    @contextmanager
    def _turn_clock(self):
        """Yield ``clock(days ago, hour=10)``: from then on it is that day."""
        today = datetime.combine(fields.Date.today(), time())
        cursor = self.env.cr
        real_now = cursor.now()
        with freezegun.freeze_time(today) as frozen:

            def clock(days_ago, hour=2):
                moment = min(
                    today - timedelta(days=days_ago) + timedelta(hours=hour), real_now
                )
                self.env.flush_all()
                frozen.move_to(moment)
                cursor._now = moment

            yield clock
            self.env.flush_all()
        cursor._now = None

    @api.model
    def _make_staff(self):
        """Return ``{login: res.users}``, one per role."""
        staff = {}
        for person in people.STAFF:
            groups = [self.env.ref("base.group_user").id]
            groups += [self.env.ref(f"{DISTRIBUTION}.{g}").id for g in person.groups]
            staff[person.login] = self.env["res.users"].create(
                {
                    "name": person.name,
                    "login": person.login,
                    "password": people.PASSWORD,
                    "email": f"{person.login}@northstar.example",
                    "tz": "Asia/Shanghai",
                    "group_ids": [Command.set(groups)],
                }
            )
        return staff

    @api.model
    def _make_members(self, clock):
        """Return ``{key: res.partner}``, each joining on its day below its inviter."""
        members = {}
        for person in sorted(people.MEMBERS, key=lambda person: -person.joined):
            clock(person.joined)
            members[person.key] = partner = self.env["res.partner"].create(
                {
                    "name": person.name,
                    "city": person.city,
                    "country_id": self.env.ref("base.cn").id,
                    "email": f"{person.key}@members.example",
                    "tz": "Asia/Shanghai",
                    "grade_id": self.env.ref(
                        f"{DISTRIBUTION}.res_partner_grade_{person.tier}"
                    ).id,
                    "inviter_id": members[person.inviter].id
                    if person.inviter
                    else False,
                    "member_state": "active",
                    "accepts_commission": person.accepts,
                }
            )
            if person.state != "active":
                partner.member_state = person.state
            if person.login:
                self._make_login(person.login, partner)
            self.env["referral.tree.figure"]._count(self.env.company)
        return members

    @api.model
    def _make_login(self, login, partner):
        return self.env["res.users"].create(
            {
                "login": login,
                "password": people.PASSWORD,
                "partner_id": partner.id,
                "group_ids": [Command.set([self.env.ref("base.group_portal").id])],
            }
        )

    @api.model
    def _give_territories(self, clock, staff, members):
        """The manager gives each agent their regions, each on its first day."""
        territories = self.env["referral.territory"].with_user(staff["manager"])
        for told in regions.TERRITORIES:
            clock(told.start)
            today = fields.Date.today()
            territories.create(
                {
                    "agent_id": members[told.agent].id,
                    "country_id": self.env.ref("base.cn").id,
                    "state_id": self.env.ref(f"base.{told.state}").id,
                    "city": told.city,
                    "date_from": today,
                    "date_to": told.end
                    and today + timedelta(days=told.start - told.end),
                }
            )

    @api.model
    def _make_codes(self, clock, staff, members):
        """Codes for an agent's event, one withdrawn; how a site calls a member."""
        clock(20)
        batch = self.env["referral.invite.code.batch"].with_user(staff["manager"])
        batch = batch.create({"partner_ids": members["zhou"].ids, "count": 6})
        codes = self.env["referral.invite.code"].search(batch.action_make()["domain"])
        codes[:1].with_user(staff["manager"]).action_withdraw()
        codes[1].date_expiry = fields.Date.today() + timedelta(days=5)
        self.env["referral.external.ref"].create(
            {"partner_id": members["huang"].id, "ref": "community-10086"}
        )

    def _get_region(self, customer):
        """Return where a customer is, as values of a lead."""
        if customer not in regions.CUSTOMERS:
            return {}
        state, city = regions.CUSTOMERS[customer]
        state = self.env.ref(f"base.{state}")
        return {
            "city": city,
            "country_id": state.country_id.id,
            "state_id": state.id,
        }

    def _translate_terms(self, post, chinese):
        """Write the Chinese of each paragraph of an article."""
        if self.env["res.lang"]._get_data(code="zh_CN"):
            post.update_field_translations("content", {"zh_CN": chinese})

    def _translate(self, record, **chinese):
        """Write the Chinese terms of ``record``, where Chinese is switched on."""
        if self.env["res.lang"]._get_data(code="zh_CN"):
            record.with_context(lang="zh_CN").write(chinese)
        return record

    @api.model
    def _publish_articles(self, clock, staff):
        """Return ``{key: blog.post}``: written, reviewed, published by their roles."""
        blog = self.env["blog.blog"].create(
            {"name": "Cases & Insights", "subtitle": "What we learn from real projects"}
        )
        self._translate(blog, name="案例与洞察", subtitle="来自真实项目的经验")
        (blog.search([("blog_post_ids", "=", False)]) - blog).active = False
        posts = {}
        for article in articles.ARTICLES:
            clock((article.age or 0) + 2)
            post = self.env["blog.post"].create(
                {
                    "blog_id": blog.id,
                    "name": article.title,
                    "subtitle": article.subtitle,
                    "content": self._to_html(article.body),
                    "referral_kind": article.kind,
                    "originator_id": staff["content"].id,
                    "author_id": staff["content"].partner_id.id,
                    "cover_properties": self._get_cover(article.key),
                }
            )
            self._translate(post, name=article.title_zh, subtitle=article.subtitle_zh)
            self._translate_terms(
                post, dict(zip(article.body, article.body_zh, strict=True))
            )
            post.with_user(staff["content"]).action_referral_submit()
            if article.review == "approved":
                clock(article.age)
                post.with_user(staff["manager"]).action_referral_approve()
                post.write({"is_published": True, "post_date": fields.Datetime.now()})
            posts[article.key] = post
        return posts

    @api.model
    def _make_channels(self, clock, staff, partner):
        """Return ``{platform: referral.channel}`` and the partner channel beside."""
        channels = {
            platform: self.env.ref(f"{DISTRIBUTION}.referral_channel_{platform}")
            for platform in ("community", "wechat", "website", "weibo", "h5")
        }
        channels["partner"] = self._make_partner_channels(clock, staff, partner)
        return channels

    @api.model
    def _make_services(self):
        """Return ``{code: product.product}``, services invoiced when ordered."""
        services = {}
        for code, name, chinese, price in business.SERVICES:
            services[code] = self._translate(
                self.env["product.product"].create(
                    {
                        "name": name,
                        "type": "service",
                        "invoice_policy": "order",
                        "list_price": price,
                    }
                ),
                name=chinese,
            )
        return services

    def _list_steps(self, scene):
        """Yield ``(days ago, step, arguments...)`` of all leads and orders.

        Steps of all leads are told in one order of days, so that balances and
        sequences grow as they would.
        """
        yield 12, self._request_signoff, scene
        yield 9, self._run_campaign, scene
        for told in business.REDEMPTIONS:
            yield told.age, self._redeem, scene, told
        for number, lead in enumerate(business.LEADS + partners.LEADS):
            told = {}
            yield lead.age, self._bring_lead, scene, lead, number, told
            if lead.verdict != "to_review":
                yield lead.age - 0.3, self._review_lead, scene, lead, told
            for service, status, age in lead.orders:
                yield age, self._sign_order, scene, lead, service, status, told
                if status in (business.CONFIRMED, business.REFUSED):
                    yield max(age - 6, 0.4), self._decide, scene, service, status, told

    def _bring_lead(self, scene, lead, number, told):
        """A member shares, people click, one of them leaves a lead."""
        link = self._share(scene, lead, number)
        told["lead"] = self._ask(
            link,
            number,
            {
                "name": f"{lead.request_zh} {lead.request}",
                "partner_name": lead.customer,
                "contact_name": lead.contact,
                "email_from": f"contact{number}@customer{number}.example",
                "phone": f"+86 138 0000 {1000 + number}",
                "description": lead.request,
                "user_id": scene["staff"]["sales"].id,
                "type": "opportunity",
                **self._get_region(lead.customer),
            },
        )

    def _share(self, scene, lead, number):
        """Return the link that a member passes on and people open."""
        member = scene["members"][lead.member]
        channel = scene["channels"][lead.channel]
        links = self.env["referral.link"]
        link = links._obtain(member, channel, scene["posts"][lead.article].website_url)
        method = business.METHODS[number % len(business.METHODS)]
        self.env["referral.share"]._record(link, method, original_opened=True)
        for visitor in range(3 + number % 7):
            self.env["referral.click"]._visit(
                link.code, Visit(f"198.51.100.{visitor + 1}", f"visitor {number}")
            )
        return link

    def _ask(self, link, number, values):
        """Return the lead of a visitor who came through a link."""
        leads = gate.opened(self.env["crm.lead"])
        created = leads.create(
            {
                **leads._prepare_attribution_vals(self._make_visit(link, number)),
                **leads._prepare_utm_vals(link),
                **values,
            }
        )
        return created.browse(created.id).with_env(self.env)  # without the key

    def _make_visit(self, link, number):
        """Return what a visitor's cookie says; every third came before, otherwise."""
        now = fields.Datetime.now()
        last = (link, now)
        others = self.env["referral.link"].search([("id", "!=", link.id)], limit=7)
        first = last
        if others and number % 3 == 0:
            first = (
                others[number % len(others)],
                now - timedelta(days=3, hours=number),
            )
        company = link.company_id
        return Attribution(
            link,
            now,
            "cookie",
            company.referral_attribution_policy,
            company.referral_attribution_days,
            first,
            last,
        )

    def _review_lead(self, scene, lead, told):
        record = told["lead"].with_user(scene["staff"]["sales"])
        if lead.verdict == "valid":
            record.action_referral_validate()
            record.stage_id = self.env.ref("crm.stage_lead2")
        else:
            record.action_referral_invalidate(lead.reason, lead.verdict)

    def _sign_order(self, scene, lead, service, status, told):
        """Sales makes the order; finance invoices it and takes the payment."""
        sales, finance = scene["staff"]["sales"], scene["staff"]["finance"]
        record = told["lead"].with_user(sales)
        if not record.partner_id:
            record._handle_partner_assignment(create_missing=True)
        order = (
            self.env["sale.order"]
            .with_user(sales)
            .create(
                {
                    "partner_id": record.partner_id.id,
                    "opportunity_id": record.id,
                    "user_id": sales.id,
                    "order_line": [
                        Command.create({"product_id": scene["services"][service].id})
                    ],
                }
            )
        )
        told[service] = order
        if status == business.QUOTATION:
            record.stage_id = self.env.ref("crm.stage_lead3")
            return
        order.action_confirm()
        if record.probability < 100:
            record.action_set_won()
        if status == business.DOWN_PAYMENT:
            self._invoice(order.with_user(finance), pay=True, percentage=30)
        elif status != business.SIGNED:
            self._invoice(order.with_user(finance), pay=status != business.INVOICED)

    def _invoice(self, order, pay, percentage=None):
        wizard = self.env["sale.advance.payment.inv"].with_user(order.env.user)
        method = {"advance_payment_method": "delivered"}
        if percentage:
            method = {"advance_payment_method": "percentage", "amount": percentage}
        invoice = wizard.create(
            {**method, "sale_order_ids": [Command.set(order.ids)]}
        )._create_invoices(order)
        invoice.invoice_date = fields.Date.today()
        invoice.action_post()
        if pay:
            self.env["account.payment.register"].with_user(order.env.user).with_context(
                active_model="account.move", active_ids=invoice.ids
            ).create({"payment_date": fields.Date.today()})._create_payments()

    def _decide(self, scene, service, status, told):
        order = told[service].with_user(scene["staff"]["finance"])
        if status == business.CONFIRMED:
            order.action_referral_confirm()
        else:
            order.action_referral_refuse(business.REFUSAL)

    @api.model
    def _propose_tiers(self):
        """Switch the example rule on, at this story's scale, and let it propose."""
        rule = self.env.ref(f"{DISTRIBUTION}.referral_tier_rule_example")
        rule.write({"active": True, **business.TIER_RULE})
        rule._enter([("promotion", due) for due in rule._get_due("promotion")])

    @api.model
    def _make_rewards(self):
        """Return ``{key: referral.reward}``, each on a product."""
        rewards = {}
        for key, kind, name, chinese, points, days in business.REWARDS:
            product = self._translate(
                self.env["product.product"].create(
                    {
                        "name": name,
                        "type": "consu" if kind == "goods" else "service",
                        "list_price": points,
                    }
                ),
                name=chinese,
            )
            rewards[key] = self._translate(
                self.env["referral.reward"].create(
                    {
                        "name": name,
                        "kind": kind,
                        "points": points,
                        "privilege_days": days,
                        "product_id": product.id,
                    }
                ),
                name=chinese,
            )
        return rewards

    def _redeem(self, scene, told):
        """A colleague enters a member's request; another one decides."""
        rewards = scene["rewards"]
        request = (
            self.env["referral.redemption"]
            .with_user(scene["staff"]["cashier"])
            .create(
                {
                    "partner_id": scene["members"][told.member].id,
                    "reward_id": rewards[told.reward].id,
                    "quantity": told.quantity,
                }
            )
        )
        request.action_submit()
        decided = request.with_user(scene["staff"]["finance"])
        if told.outcome == "refused":
            decided.action_refuse(business.REDEMPTION_REFUSAL)
        elif told.outcome in ("approved", "done"):
            decided.action_approve()
        if told.outcome == "done":
            decided.action_done()
