from werkzeug.urls import url_encode

from odoo.http import request, route

from ..engine.identity import masked
from ..models.referral_team import DEEPER, OVERSEERS
from .portal import ReferralPortal, read_number, read_search

PAGE_SIZE = 20
PATH = "/my/referral/team"


class ReferralTeamPortal(ReferralPortal):
    """Whom the member invited, and whom those invited in turn (rules M1, M2).

    Everything is read as superuser, in questions of ``referral.team`` that start from
    the member; another team's people do not exist here (threat P1).
    """

    @route(
        [PATH, f"{PATH}/page/<page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_referral_team(self, page="1", **chosen):
        """List the team, the nearest people first; chosen by level, state and role."""
        member = self._get_member()
        values = self._prepare_referral_layout_values("team")
        if not member:
            return self._render_non_member(values)
        values |= self._prepare_invite_values(member)
        values |= self._prepare_team_values(member, page, chosen)
        return request.render("referral_distribution.portal_referral_team", values)

    @route(
        f"{PATH}/<int:person_id>",
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_referral_person(self, person_id, **_unknown):
        """Show one person of the team, with figures as the company's setting says."""
        member = self._get_member()
        teams = request.env["referral.team"]
        person, level = teams.browse(), 0
        if member:
            person, level = teams._find(member, request.env.company, person_id)
        if not person:
            raise request.not_found()
        values = self._prepare_referral_layout_values("team")
        values |= self._prepare_person_values(member, person, level)
        return request.render("referral_distribution.portal_referral_person", values)

    def _prepare_team_values(self, member, page, chosen):
        teams, company = request.env["referral.team"], request.env.company
        chosen = self._read_team_choice(chosen)
        counts = teams._count(member, company, chosen["search"])
        total = self._sum_team(counts, **chosen)
        pages = self._get_pager(PATH, total, page, PAGE_SIZE, **chosen)
        rows = teams._list(member, company, **chosen, offset=pages["offset"])
        waiting = self._sum_team(counts, level=1, state="candidate")
        return {
            **self._prepare_people_values(member, rows),
            "chosen": chosen,
            "filters": self._prepare_team_filters(member, counts, chosen),
            "is_filtered": any(chosen.values()),
            "waiting": waiting if member.referral_role in OVERSEERS else 0,
            "team_size": self._sum_team(counts),
            "direct_size": self._sum_team(counts, level=1),
            "pager": pages,
            "can_search": company.referral_team_names == "full",
        }

    def _prepare_people_values(self, member, rows):
        """Return the cards of a page's people: no query per person.

        :param rows: ``[(partner id, level)]``.
        """
        teams, company = request.env["referral.team"], request.env.company
        people = request.env["res.partner"].sudo().browse([row[0] for row in rows])
        labels = self._get_state_labels()
        insight = teams._oversees(member, company)
        figures = {}
        if insight != "none":
            figures = teams._query_figures(people.ids, company)
        return {
            "people": [
                {
                    "id": person.id,
                    "name": self._get_team_name(person),
                    "level": level,
                    "inviter": self._get_team_name(person.inviter_id),
                    "relation": self._get_relation(person, level),
                    "joined": person.member_since,
                    "tier": person.grade_id.name,
                    "state": person.member_state,
                    "state_label": labels[person.member_state],
                    "figures": figures.get(person.id),
                }
                for person, (_id, level) in zip(people, rows, strict=True)
            ],
            "insight": insight,
            "currency": company.currency_id,
        }

    def _prepare_person_values(self, member, person, level):
        rows = [(person.id, level)]
        values = self._prepare_people_values(member, rows)
        [card] = values["people"]
        teams, company = request.env["referral.team"], request.env.company
        direct = teams._list(person, company, level=1, limit=PAGE_SIZE)
        counts = teams._count(person, company)
        return {
            **self._prepare_people_values(
                member, [(invitee, level + 1) for invitee, _level in direct]
            ),
            "person": card,
            "direct_size": self._sum_team(counts, level=1),
            "team_size": self._sum_team(counts),
        }

    def _get_relation(self, person, level):
        if level == 1:
            return request.env._("Invited by you")
        return request.env._(
            "Level %(level)s, invited by %(name)s",
            level=level,
            name=self._get_team_name(person.inviter_id),
        )

    def _get_team_name(self, person):
        """Return a name as the company lets its members see it."""
        if request.env.company.referral_team_names == "full":
            return person.name or ""
        return masked(person.name)

    def _read_team_choice(self, chosen):
        """Return what the address asks for; junk asks for nothing (threat P6)."""
        full = request.env.company.referral_team_names == "full"
        level = read_number(chosen.get("level"))
        state, role = chosen.get("state"), chosen.get("role")
        return {
            "level": level if level <= DEEPER else 0,
            "state": state if state in self._get_state_labels() else "",
            "role": role if role in self._get_role_labels() else "",
            # A search by name would undo the masking, letter by letter.
            "search": read_search(chosen.get("search")) if full else "",
        }

    def _sum_team(self, counts, level=0, state="", role="", **_search):
        return sum(
            number
            for (at, standing, part), number in counts.items()
            if level in (0, at) and state in ("", standing) and role in ("", part)
        )

    def _prepare_team_filters(self, member, counts, chosen):
        """Return rows of chips, as ``_prepare_team_filter`` makes them."""
        rows = {"level": self._get_level_labels(), "state": self._get_state_labels()}
        if member.referral_role == "agent":
            rows["role"] = self._get_role_labels()
        filters = [
            self._prepare_team_filter(name, labels, counts, chosen)
            for name, labels in rows.items()
        ]
        return [
            row for row in filters if len(row["choices"]) > 2 or chosen[row["name"]]
        ]

    def _prepare_team_filter(self, name, labels, counts, chosen):
        """Return one row of chips; only what exists in the team is offered.

        :return: dict with ``name``, ``label`` and ``choices``: tuples of
            label, number, address, and whether it is the choice.
        """
        place = ("level", "state", "role").index(name)
        present = {key[place] for key in counts}
        nothing = 0 if name == "level" else ""
        offered = {nothing: request.env._("All")} | {
            value: label for value, label in labels.items() if value in present
        }
        return {
            "name": name,
            "label": {
                "level": request.env._("Filter by level"),
                "state": request.env._("Filter by membership"),
                "role": request.env._("Filter by role"),
            }[name],
            "choices": [
                (
                    label,
                    self._sum_team(counts, **{**chosen, name: value}),
                    self._get_team_url({**chosen, name: value}),
                    chosen[name] == value,
                )
                for value, label in offered.items()
            ],
        }

    def _get_team_url(self, chosen):
        arguments = {name: value for name, value in chosen.items() if value}
        return f"{PATH}?{url_encode(arguments)}" if arguments else PATH

    def _get_level_labels(self):
        between = {
            level: request.env._("Level %(level)s", level=level)
            for level in range(2, DEEPER)
        }
        return {
            1: request.env._("Invited by you"),
            **between,
            DEEPER: request.env._("Deeper"),
        }

    def _get_state_labels(self):
        labels = self._get_selection(request.env["res.partner"], "member_state")
        return {**labels, "active": request.env._("Active member")}

    def _get_role_labels(self):
        return self._get_selection(request.env["res.partner.grade"], "referral_role")
