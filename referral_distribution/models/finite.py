"""Numbers that are none, such as NaN, stop before Odoo or the database meets them."""

from math import isfinite

from odoo.exceptions import ValidationError


def check_finite(records, vals):
    """Refuse values of ``vals`` that are no finite number.

    :raises ValidationError: names the field, in the user's language.
    """
    for name, value in vals.items():
        if isinstance(value, float) and not isfinite(value):
            field = records._fields[name]._description_string(records.env)
            raise ValidationError(
                records.env._("%(field)s: enter a number.", field=field)
            )
