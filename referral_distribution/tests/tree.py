"""Whole invite trees for tests: made in one statement, judged one by one."""

from odoo.tools import SQL


def plant(env, inviters, name="Planted", state="active"):
    """Make members in one go; return their ids, in order.

    :param inviters: for each member the position of its inviter among them, which
        comes earlier; None for a root.
    """
    count = len(inviters)
    env.flush_all()
    rows = env.execute_query(
        SQL("SELECT nextval('res_partner_id_seq') FROM generate_series(1, %s)", count)
    )
    ids = sorted(number for (number,) in rows)
    above = [None if place is None else ids[place] for place in inviters]
    env.cr.execute(
        "INSERT INTO res_partner (id, inviter_id, name, complete_name, type, active,"
        "  member_state, commercial_partner_id, autopost_bills, accepts_commission,"
        "  is_company, partner_share, create_date)"
        " SELECT id, inviter_id, %(name)s, %(name)s, 'contact', TRUE, %(state)s, id,"
        "  'ask', TRUE, FALSE, TRUE, now()"
        " FROM unnest(%(ids)s, %(above)s::int[]) AS planted(id, inviter_id)",
        {"ids": ids, "above": above, "name": name, "state": state},
    )
    partners = env["res.partner"].browse(ids)
    partners.invalidate_recordset()
    env["referral.invite.node"]._place(partners)
    return ids


def random_inviters(generator, count, chain=0):
    """Return inviters for ``plant``: a chain first, then people below anybody."""
    below_anybody = [
        generator.randrange(place) for place in range(max(chain, 1), count)
    ]
    return [None, *range(max(chain, 1) - 1), *below_anybody]


def find_problems(env, ids):
    """Return what is wrong with the places of ``ids``, each found one by one.

    Who stands where is followed from ``inviter_id`` upwards, and teams are counted by
    adding one to everybody above, so nothing of the product's own SQL is believed.
    """
    env.flush_all()
    env.invalidate_all()
    everybody = env.execute_query(
        SQL(
            "SELECT partner.id, partner.inviter_id, node.path, node.depth,"
            "  node.is_member, COALESCE(partner.member_state <> 'left', FALSE)"
            " FROM res_partner partner LEFT JOIN referral_invite_node node"
            "  ON node.partner_id = partner.id"
        )
    )
    inviters = {number: inviter for number, inviter, *_place in everybody}
    sizes = dict.fromkeys(inviters, 0)
    wanted = {}
    for number, _inviter, _path, _depth, _is_member, counts in everybody:
        above = _follow(inviters, number)
        if above is None:
            return [f"{number} stands in a loop"]
        path = "".join(f"{one}/" for one in [*reversed(above), number])
        wanted[number] = (path, len(above), counts)
        for one in above if counts else ():
            sizes[one] += 1
    found = {number: tuple(place[:3]) for number, _inviter, *place in everybody}
    counted = env["referral.invite.node"]._query_team_sizes(list(ids))
    return [
        f"{number}: {found.get(number)} and a team of {counted.get(number, 0)},"
        f" not {wanted.get(number)} and {sizes.get(number, 0)}"
        for number in ids
        if (found.get(number), counted.get(number, 0))
        != (wanted.get(number, "missing"), sizes.get(number, 0))
    ]


def _follow(inviters, number):
    """Return the ids above, the nearest first; None in a loop."""
    above = []
    while inviters.get(number):
        number = inviters[number]
        if len(above) > len(inviters):
            return None
        above.append(number)
    return above
