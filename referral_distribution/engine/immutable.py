"""Tables that only grow: the database itself refuses UPDATE, DELETE and TRUNCATE."""

from odoo.tools import SQL

_FUNCTION = """
CREATE OR REPLACE FUNCTION referral_forbid_change() RETURNS trigger
LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted; write a new one',
        TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$body$
"""


def protect(cr, table: str, when: str = ""):
    """Make ``table`` insert-only (ledger rule 2; threats A1, W8).

    :param str when: which rows are beyond change, as a condition on ``OLD``, such as
        ``"OLD.state = 'applied'"``; by default all of them. Never a user's text.

    May be called at every update of a module: it first looks whether the triggers
    stand. To migrate such a table, a migration script disables them by name.
    """
    cr.execute("SELECT 1 FROM pg_proc WHERE proname = 'referral_forbid_change'")
    if not cr.rowcount:
        cr.execute(_FUNCTION)
    for level, events in (("ROW", "UPDATE OR DELETE"), ("STATEMENT", "TRUNCATE")):
        name = f"{table}_forbid_{'change' if level == 'ROW' else 'truncate'}"
        cr.execute("SELECT 1 FROM pg_trigger WHERE tgname = %s", (name,))
        if not cr.rowcount:
            cr.execute(
                SQL(
                    "CREATE TRIGGER %s BEFORE %s ON %s FOR EACH %s%s"
                    " EXECUTE FUNCTION referral_forbid_change()",
                    SQL.identifier(name),
                    SQL(events),
                    SQL.identifier(table),
                    SQL(level),
                    SQL(f" WHEN ({when})" if when and level == "ROW" else ""),
                )
            )
