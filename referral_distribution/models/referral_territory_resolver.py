from collections import defaultdict

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import formatLang

from ..engine import territory as engine


class ReferralTerritoryResolver(models.AbstractModel):
    """Says whose territory a place is, and why (rule M5).

    Loads the territories in question by one query, lets ``engine/territory.py``
    decide, and puts its verdict into words. ``referral.territory`` inherits it, so that
    callers ask the territories themselves.
    """

    _name = "referral.territory.resolver"
    _description = "Territory Resolver"

    @api.model
    def _is_serving(self, agent):
        """Tell whether a contact can hold a territory now: an active agent."""
        agent = agent.sudo()
        return bool(
            agent.active
            and agent.member_state == "active"
            and agent.referral_role == "agent"
        )

    @api.model
    def _get_day(self, company, moment):
        """Return the day of a moment (UTC) in the time zone of ``company``."""
        records = self.with_context(tz=company._referral_tz())
        return fields.Datetime.context_timestamp(records, moment).date()

    @api.model
    def _prepare_place(self, address, day, category=None, industry=None):
        """Return where a record lies, as the engine takes it.

        :param address: a record with country, state, city and zip: contact or lead.
        :param date day: in the company's time zone.
        :param category: product.category asked for; its parents count too.
        :param industry: res.partner.industry; that of a contact's company by default.
        """
        if industry is None and "industry_id" in address._fields:
            industry = address.commercial_partner_id.industry_id
        path = category.parent_path if category else ""
        return engine.Place(
            country=address.country_id.id or 0,
            state=address.state_id.id or 0,
            city=engine.normalize_city(address.city),
            zip=engine.normalize_zip(address.zip),
            industry=industry.id or 0 if industry else 0,
            categories=tuple(int(part) for part in (path or "").split("/") if part),
            day=day,
        )

    @api.model
    def _resolve(self, company, place, category=None, day=None):
        """Return whose territory a place is (rule M5).

        :param place: res.partner, or an ``engine.territory.Place``.
        :param category: product.category asked for, if any.
        :param date day: in the company's time zone; today by default.
        :return: ``(res.partner, str)``: the agent, empty when there is none, and one
            line in the user's language that says why.
        """
        if not isinstance(place, engine.Place):
            day = day or self._get_day(company, fields.Datetime.now())
            place = self._prepare_place(place, day, category)
        [verdict] = self._judge([(company, place)])
        agent = self.env["res.partner"].browse(
            verdict.winner.agent if verdict.winner else []
        )
        return agent, self._explain(place, verdict)

    @api.model
    def _judge(self, questions):
        """Return a verdict for each ``(company, place)``, by one query for all."""
        shelves = defaultdict(list)
        for territory in self._search_candidates(questions):
            company_id = territory.company_id.id
            one = territory._prepare_engine_territory()
            shelves[company_id, one.country, one.state].append(one)
        known = {}
        for company, place in questions:
            if (company.id, place) not in known:
                shelf = shelves[company.id, place.country, 0]
                if place.state:
                    shelf = shelf + shelves[company.id, place.country, place.state]
                known[company.id, place] = engine.resolve(shelf, place)
        return [known[company.id, place] for company, place in questions]

    @api.model
    def _search_candidates(self, questions):
        """Return the territories that any of the places may lie in."""
        places = [place for _company, place in questions if place.country]
        if not places:
            return self.env["referral.territory"]
        days = [place.day for place in places]
        prefixes = {place.zip[:size] for place in places for size in range(1, 11)}
        narrowing = {
            "state_id": {place.state for place in places},
            "city_key": {place.city for place in places},
            "zip_prefix": prefixes,
            "industry_id": {place.industry for place in places},
            "categ_id": {one for place in places for one in place.categories},
        }
        return (
            self.env["referral.territory"]
            .sudo()
            .search(
                Domain(
                    "company_id", "in", [company.id for company, _place in questions]
                )
                & Domain("country_id", "in", list({place.country for place in places}))
                & Domain("date_from", "<=", max(days))
                & (Domain("date_to", "=", False) | Domain("date_to", ">=", min(days)))
                & Domain.AND(
                    Domain(name, "in", [False, *(values - {0, ""})])
                    for name, values in narrowing.items()
                )
            )
        )

    @api.model
    def _weigh(self, parts):
        """Return ``(agent id, explanation)`` of what is made of several parts.

        An order may fall to several agents, by its products. It is the agent's with the
        largest untaxed amount, of two alike the one whose part comes first; a part that
        is nobody's leaves the others' as they are.

        :param parts: ``(question, verdict)`` of each; see ``referral.territory.owner``.
        """
        shares = defaultdict(float)
        for question, verdict in parts:
            if verdict.winner:
                shares[verdict.winner.agent] += question.amount
        owner = max(shares, key=shares.get, default=False)
        held = [part for part in parts if owner and self._is_held(part, owner)]
        question, verdict = max(held or parts[:1], key=lambda part: part[0].amount)
        text = self._explain(question.place, verdict)
        if len(held) < len(parts) and held:
            text = self.env._(
                "%(explanation)s; its part is %(part)s of %(total)s",
                explanation=text,
                part=self._format_amount(shares[owner], question),
                total=self._format_amount(
                    sum(one.amount for one, _verdict in parts), question
                ),
            )
        return owner, text

    @api.model
    def _is_held(self, part, agent_id):
        _question, verdict = part
        return bool(verdict.winner) and verdict.winner.agent == agent_id

    @api.model
    def _format_amount(self, amount, question):
        return formatLang(self.env, amount, currency_obj=question.currency)

    @api.model
    def _explain(self, place, verdict):
        """Return in one line who owns a place and why, in the user's language."""
        if not place.country:
            return self.env._("The country is not known, so no agent can be found.")
        parts = [self._explain_winner(verdict)]
        for idle in verdict.idle[:2]:
            parts.append(
                self.env._(
                    "%(holding)s: no active agent any more", holding=self._label(idle)
                )
            )
        return "; ".join(parts)

    @api.model
    def _explain_winner(self, verdict):
        if not verdict.winner:
            return self.env._("No agent serves this place")
        winner = self._label(verdict.winner)
        if not verdict.winner.industry:
            winner = self.env._("%(holding)s, all industries", holding=winner)
        if not verdict.beaten:
            return winner
        grounds = {
            "region": self.env._("by region"),
            "industry": self.env._("by industry"),
            "category": self.env._("by product category"),
            "age": self.env._("entered earlier"),
        }
        rivals = ", ".join(
            f"{self._label(rival)} ({grounds[ground]})"
            for rival, ground in verdict.beaten[:2]
        )
        return self.env._(
            "%(winner)s; more specific than %(rivals)s", winner=winner, rivals=rivals
        )

    @api.model
    def _label(self, one):
        """Return agent and title of a territory of the engine."""
        territory = self.env["referral.territory"].sudo().browse(one.id)
        return f"{territory.agent_id.name}: {territory.display_name}"
