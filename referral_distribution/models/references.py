"""What of this suite points to a record and is kept for good (threat M3).

Deleting a contact or user that ledger, trail or links point to is refused by foreign
keys. Here the same question is asked first, so that the answer is a sentence.
"""

PREFIX = "referral_"


def find_keepers(records):
    """Return the names of the models of this suite whose records need ``records``.

    Whatever addon of the suite declares a restricting reference is found.

    :param records: res.partner or res.users, one model.
    :return: list of text, in the user's language.
    """
    env = records.env
    found = []
    for model in env.registry.values():
        if model._auto and not model._transient and not model._abstract:
            names = [
                name
                for name, field in model._fields.items()
                if field.type == "many2one"
                and field.store
                and field.comodel_name == records._name
                and field.ondelete == "restrict"
                and field._module.startswith(PREFIX)
            ]
            if any(_points(env[model._name], name, records) for name in names):
                found.append(env["ir.model"]._get(model._name).name)
    return sorted(found)


def _points(model, name, records):
    everything = model.sudo().with_context(active_test=False)
    return bool(everything.search_count([(name, "in", records.ids)], limit=1))
