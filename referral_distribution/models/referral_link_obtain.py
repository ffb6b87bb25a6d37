from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.misc import clean_context

from ..engine import link_code

ATTEMPTS = 5  # at codes that nobody has yet: the second is hardly ever needed


class ReferralLink(models.Model):
    """How links are made: on demand, each once, one or a hundred thousand (S2)."""

    _inherit = "referral.link"

    @api.model
    def _obtain(self, member, channel, target_url):
        """Return the member's link for that channel and page, made on first use.

        Of two requests that make the same link at once, one finds the other's row in
        the way; PostgreSQL then reports a serialization failure and Odoo tries that
        request again, which finds the link.

        :param member: res.partner, an active member.
        :param channel: referral.channel.
        :param str target_url: page of the own site or on a listed host (threat S2).
        :raises UserError: when the contact is no active member or the page is foreign.
        """
        member.ensure_one()
        channel.ensure_one()
        return self._obtain_many(member, channel, [target_url])

    @api.model
    def _obtain_many(self, members, channels, targets):
        """Return the links of each member, channel and page, made where missing.

        Set-based: the number of queries does not depend on how many links there are.
        Two callers at once: as for ``_obtain``.

        :param members: res.partner recordset, all of them active members.
        :param channels: referral.channel recordset.
        :param targets: list of str, pages as for ``_obtain``.
        :return: referral.link recordset in order of id, switched off ones too.
        :raises UserError: as ``_obtain``; nothing is made then.
        """
        self._check_members(members)
        found = self.browse()
        for company, group in channels.grouped(
            lambda channel: channel.company_id or self.env.company
        ).items():
            links = self.with_company(company)
            pages = set(links._normalize_targets(targets))
            values = links._prepare_target_vals(sorted(pages))
            found |= links._obtain_in(company, members, group, values)
        return found.with_env(self.env)

    @api.model
    def _check_members(self, members):
        self.env["res.partner"].flush_model(["active", "member_state"])
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM res_partner WHERE id = ANY(%s)"
                " AND (NOT active OR member_state IS DISTINCT FROM 'active') LIMIT 1",
                members.ids,
            )
        )
        if rows:
            raise UserError(self.env._("Only active members have personal links."))

    @api.model
    def _prepare_target_vals(self, targets):
        """Return what the database keeps of each target beside itself. A hook.

        An addon with a stored field that follows from ``target_url`` alone adds it, so
        that many links at once are made without a visit to each.

        :param targets: normalized targets.
        :return: ``{target: {field: value to write}}``; each with the same fields.
        """
        return {url: {"target_kind": self._get_target_kind(url)} for url in targets}

    def _obtain_in(self, company, members, channels, values):
        """Return the links of one company.

        A code that is taken, which hardly happens, is drawn again.

        :param dict values: from ``_prepare_target_vals``.
        """
        key = (company, members, channels, list(values))
        total = len(members) * len(channels) * len(values)
        self.flush_model()
        made = self.browse()
        ids = self._query_find(*key)
        for _attempt in range(ATTEMPTS):
            if len(ids) == total:
                break
            rows = self.env.execute_query(self._query_insert(*key[:3], values))
            made += self.browse([link_id for (link_id,) in rows])
            ids = self._query_find(*key)
        if made:
            made._announce({name for vals in values.values() for name in vals})
        return self.browse(ids)

    def _announce(self, known):
        """Tell the ORM of rows that SQL inserted.

        :param known: names of stored computed fields that were inserted as well.
        """
        with self.env.protecting([self._fields[name] for name in known], self):
            self.modified(self._fields, create=True)

    def _query_find(self, company, members, channels, targets):
        rows = self.env.execute_query(
            SQL(
                "SELECT link.id FROM referral_link link JOIN unnest(%s::text[])"
                "  AS page(url) ON md5(link.target_url) = md5(page.url)"
                "  AND link.target_url = page.url"
                " WHERE link.company_id = %s AND link.partner_id = ANY(%s)"
                "  AND link.channel_id = ANY(%s) AND NOT link.merged ORDER BY link.id",
                targets,
                company.id,
                members.ids,
                channels.ids,
            )
        )
        return [link_id for (link_id,) in rows]

    def _query_insert(self, company, members, channels, values):
        """Return the statement that makes the missing links, in one order for all.

        Two callers that make the same links meet at the first of them, so neither
        waits for the other in a circle.
        """
        fixed = self._prepare_insert_vals(company)
        extra = sorted({name for vals in values.values() for name in vals})
        columns = ["target_url", *extra]
        pages = [[url, *map(vals.get, extra)] for url, vals in values.items()]
        return SQL(
            "WITH wanted AS (SELECT row_number() OVER () AS number, todo.* FROM ("
            "  SELECT member.id AS partner_id, channel.id AS channel_id, page.*"
            "  FROM unnest(%(members)s::int[]) AS member(id)"
            "  CROSS JOIN unnest(%(channels)s::int[]) AS channel(id)"
            "  CROSS JOIN (VALUES %(pages)s) AS page(%(columns)s)"
            "  WHERE NOT EXISTS (SELECT FROM referral_link link"
            "   WHERE link.company_id = %(company)s AND link.partner_id = member.id"
            "   AND link.channel_id = channel.id AND NOT link.merged"
            "   AND md5(link.target_url) = md5(page.target_url))"
            "  ORDER BY member.id, channel.id, page.target_url) todo)"
            " INSERT INTO referral_link (code, partner_id, channel_id, %(columns)s,"
            "  %(names)s)"
            " SELECT fresh.code, partner_id, channel_id, %(columns)s, %(fixed)s"
            " FROM wanted JOIN unnest(%(codes)s) WITH ORDINALITY"
            "  AS fresh(code, number) USING (number)"
            " ORDER BY number ON CONFLICT DO NOTHING RETURNING id",
            members=members.ids,
            channels=channels.ids,
            company=company.id,
            pages=SQL(", ").join(
                SQL("(%s)", SQL(", ").join(map(self._cast, columns, page)))
                for page in pages
            ),
            columns=SQL(", ").join(map(SQL.identifier, columns)),
            names=SQL(", ").join(map(SQL.identifier, fixed)),
            fixed=SQL(", ").join(self._cast(*item) for item in fixed.items()),
            codes=link_code.generate(len(members) * len(channels) * len(pages)),
        )

    def _cast(self, name, value):
        """Return a value as its column's type: all of them may be empty."""
        field = self._fields[name]
        value = field.convert_to_column_insert(value, self)
        return SQL("%s::%s", value, SQL(field.column_type[1]))

    def _prepare_insert_vals(self, company):
        """Return what is the same for each new link, as ``{field: value}``.

        Whatever field another addon adds comes with its default.
        """
        own = ("id", "code", "partner_id", "channel_id", "target_url", "company_id")
        names = [
            name
            for name, field in self._fields.items()
            if field.store and field.column_type and not field.compute
            if name not in own
        ]
        now = self.env.cr.now()
        log = {"create_uid": self.env.uid, "write_uid": self.env.uid}
        log |= {"create_date": now, "write_date": now}
        fresh = self.env(context=clean_context(self.env.context))[self._name]
        return {**fresh.default_get(names), **log, "company_id": company.id}
