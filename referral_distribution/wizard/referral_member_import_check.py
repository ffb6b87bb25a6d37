import re
from collections import defaultdict

from odoo import models
from odoo.tools import SQL
from odoo.tools.mail import email_normalize, single_email_re

from ..engine import member_file
from ..engine.plain_text import fault

# An address as most are, whose normal form is its lower case; Odoo reads the others.
_PLAIN_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", re.ASCII)


def _normalize(email):
    """Return an address in its normal form, "" if it is none or more than one."""
    if _PLAIN_EMAIL.fullmatch(email):
        return email.lower()
    return (single_email_re.match(email) and email_normalize(email)) or ""


class ReferralMemberImport(models.TransientModel):
    """The checks of an import, each over all lines at once."""

    _inherit = "referral.member.import"

    def _check_file(self):
        """Return the lines, with what was found out, and all problems by line.

        :return: ``(lines, [(line, column, content, problem)])``.
        :raises UserError: if the file cannot be read at all.
        """
        lines, problems = self._read_file()
        for check in (
            self._check_cells,
            self._check_addresses,
            self._check_tiers,
            self._check_twice,
            self._check_existing,
            self._check_codes,
            self._check_inviters,
            self._check_loops,
        ):
            problems += check(lines)
        return lines, sorted(problems, key=lambda problem: problem[0])

    def _problem(self, line, column, text):
        """Return a problem; a cell's content is shortened to be shown."""
        label = member_file.HEADERS[column][(self.env.lang or "").startswith("zh")]
        return (line.number, label, getattr(line, column)[:60], text)

    def _check_cells(self, lines):
        long = self.env._("Too long.")
        control = self.env._("Has control characters, such as a line break.")
        limits = list(member_file.LIMITS.items())
        for line in lines:
            if not line.name:
                yield self._problem(line, "name", self.env._("The name is missing."))
            for column, limit in limits:
                wrong = fault(getattr(line, column), limit)
                if wrong:
                    yield self._problem(
                        line, column, long if wrong == "long" else control
                    )
                    setattr(line, column, "")  # say it once

    def _check_addresses(self, lines):
        partners, country = self.env["res.partner"], self.env.company.country_id
        for line in lines:
            if line.email:
                line.mail = _normalize(line.email)
                if not line.mail:
                    yield self._problem(
                        line, "email", self.env._("Is no e-mail address.")
                    )
            if line.phone:
                line.number_dialled = (
                    partners._phone_format(number=line.phone, country=country) or ""
                )
                if not line.number_dialled:
                    yield self._problem(
                        line,
                        "phone",
                        self.env._("Is no phone number. Add the country code."),
                    )

    def _check_tiers(self, lines):
        default = self.env.ref("referral_distribution.res_partner_grade_member", False)
        grades, known = self._get_tiers()
        for line in lines:
            line.grade_id = known.get(line.tier.lower()) if line.tier else default.id
            if line.tier and not line.grade_id:
                tiers = ", ".join(grades.mapped("name"))
                yield self._problem(
                    line,
                    "tier",
                    self.env._("Is no tier. There are: %(tiers)s.", tiers=tiers),
                )

    def _get_tiers(self):
        """Return this company's tiers, and ``{name in any language: id}``."""
        grades = self.env["res.partner.grade"].search(
            [
                ("referral_role", "!=", False),
                ("company_id", "in", [False, self.env.company.id]),
            ]
        )
        langs = [code for code, _name in self.env["res.lang"].get_installed()]
        return grades, {
            grade.with_context(lang=lang).name.lower(): grade.id
            for lang in langs
            for grade in grades[::-1]  # of two with one name, the first wins
        }

    def _check_twice(self, lines):
        """The same person on two lines."""
        for column, name in (
            ("email", "mail"),
            ("phone", "number_dialled"),
            ("external_ref", "external_ref"),
        ):
            first = {}
            for line in lines:
                value = getattr(line, name)
                if value and first.setdefault(value, line) is not line:
                    yield self._problem(
                        line,
                        column,
                        self.env._(
                            "The same as on line %(line)s.", line=first[value].number
                        ),
                    )

    def _check_existing(self, lines):
        """People who are contacts already; making them members is another button."""
        for column, name, query in (
            ("email", "mail", self._query_taken("email_normalized")),
            ("phone", "number_dialled", self._query_taken("phone_sanitized")),
            ("external_ref", "external_ref", self._query_refs()),
        ):
            values = {getattr(line, name) for line in lines} - {""}
            taken = self._read_taken(query, values)
            for line in lines:
                found = taken.get(getattr(line, name))
                if not found:
                    continue
                contact, state = found
                text = (
                    self.env._("%(name)s is a member already.", name=contact)
                    if state
                    else self.env._(
                        "%(name)s is a contact already. Use “Make Members” there.",
                        name=contact,
                    )
                )
                yield self._problem(line, column, text)

    def _read_taken(self, query, values):
        """Return ``{value: (contact's name, its membership)}``; members win."""
        if not values:
            return {}
        rows = self.env.execute_query(
            SQL("%s = ANY(%s) ORDER BY member_state NULLS FIRST", query, list(values))
        )
        return {value: (name, state) for value, name, state in rows}

    def _query_taken(self, column):
        self.env["res.partner"].flush_model()
        return SQL(
            "SELECT %(column)s, complete_name, member_state FROM res_partner"
            " WHERE (company_id IS NULL OR company_id = %(company)s) AND %(column)s",
            column=SQL.identifier(column),
            company=self.env.company.id,
        )

    def _query_refs(self):
        return SQL(
            "SELECT known.ref, complete_name, member_state"
            " FROM referral_external_ref known"
            " JOIN res_partner ON res_partner.id = known.partner_id"
            " WHERE known.company_id = %s AND known.ref",
            self.env.company.id,
        )

    def _check_codes(self, lines):
        """Codes that nobody has or that are no longer good; single ones used twice."""
        codes, used = self.env["referral.invite.code"], {}
        by_text = codes._find_many({line.inviter_code for line in lines} - {""})
        wrong = {
            text: code._get_problem(self.env.company) for text, code in by_text.items()
        }
        unknown = codes.browse()._get_problem(self.env.company)
        for line in lines:
            text = line.inviter_code
            if not text:
                continue
            code = by_text.get(text)
            problem = wrong[text] if code else unknown
            if line.inviter_email:
                problem = self.env._("Give a code or the inviter's e-mail, not both.")
            elif code and code.kind == "single_use" and not problem:
                line.code_id = code.id
                if used.setdefault(code.id, line) is not line:
                    problem = self.env._(
                        "This code admits one person, the one on line %(line)s.",
                        line=used[code.id].number,
                    )
            if problem:
                yield self._problem(line, "inviter_code", problem)
            else:
                line.inviter_id = code.partner_id.id

    def _check_inviters(self, lines):
        """Inviters named by e-mail: another line's, or an active member's."""
        places = {line.mail: place for place, line in enumerate(lines) if line.mail}
        members = self._read_inviters({line.inviter_email for line in lines} - {""})
        for line in lines:
            if not line.inviter_email or line.inviter_code:
                continue
            mail = _normalize(line.inviter_email)
            if mail and mail == line.mail:
                problem = self.env._("Nobody can be their own inviter.")
            elif mail in places:
                line.inviter_line, problem = places[mail], ""
            elif len(members[mail]) == 1:
                [line.inviter_id], problem = members[mail], ""
            elif members[mail]:
                problem = self.env._(
                    "Several members have this e-mail. Give the inviter's code."
                )
            else:
                problem = self.env._(
                    "No active member has this e-mail, and no line of the file."
                )
            if problem:
                yield self._problem(line, "inviter_email", problem)

    def _read_inviters(self, texts):
        """Return ``{e-mail: [ids of active members]}``."""
        found = defaultdict(list)
        if texts:
            mails = [_normalize(text) for text in texts]
            rows = self.env.execute_query(
                SQL(
                    "SELECT email_normalized, id FROM res_partner"
                    " WHERE (company_id IS NULL OR company_id = %s)"
                    " AND member_state = 'active' AND active"
                    " AND email_normalized = ANY(%s)",
                    self.env.company.id,
                    mails,
                )
            )
            for mail, member in rows:
                found[mail].append(member)
        return found

    def _check_loops(self, lines):
        """Lines that, through their inviters, would invite themselves (rule M3)."""
        inviters = {
            place: line.inviter_line
            for place, line in enumerate(lines)
            if line.inviter_line is not None
        }
        for place in member_file.find_loops(inviters):
            yield self._problem(
                lines[place],
                "inviter_email",
                self.env._("These inviters form a loop."),
            )
