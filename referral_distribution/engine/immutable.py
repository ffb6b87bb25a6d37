"""Tables that only grow: the database itself refuses UPDATE, DELETE and TRUNCATE."""

from odoo.tools import SQL

# A merge of two contacts re-points what belonged to one of them: the columns named as
# the trigger's arguments may change then, and nothing else.
_FUNCTION = """
CREATE OR REPLACE FUNCTION referral_forbid_change() RETURNS trigger
LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_NARGS > 0
        AND current_setting('referral.merging', true) = 'on'
    THEN
        IF to_jsonb(NEW) - TG_ARGV = to_jsonb(OLD) - TG_ARGV THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'rows of % are never changed or deleted; write a new one',
        TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$body$
"""


def protect(cr, table: str, when: str = "", merged: tuple[str, ...] = ()):
    """Make ``table`` insert-only (ledger rule 2; threats A1, W8).

    :param str when: which rows are beyond change, as a condition on ``OLD``, such as
        ``"OLD.state = 'applied'"``; by default all of them. Never a user's text.
    :param merged: columns that point to contacts and follow when two are merged.

    May be called at every update of a module: it first looks whether the triggers
    stand. To migrate such a table, a migration script disables them by name.
    """
    cr.execute(
        "SELECT FROM pg_proc WHERE proname = 'referral_forbid_change' AND prosrc = %s",
        (_FUNCTION.split("$body$")[1],),
    )
    if not cr.rowcount:
        cr.execute(_FUNCTION)
    for level, events in (("ROW", "UPDATE OR DELETE"), ("STATEMENT", "TRUNCATE")):
        name = f"{table}_forbid_{'change' if level == 'ROW' else 'truncate'}"
        cr.execute("SELECT 1 FROM pg_trigger WHERE tgname = %s", (name,))
        if not cr.rowcount:
            cr.execute(
                SQL(
                    "CREATE TRIGGER %s BEFORE %s ON %s FOR EACH %s%s"
                    " EXECUTE FUNCTION referral_forbid_change(%s)",
                    SQL.identifier(name),
                    SQL(events),
                    SQL.identifier(table),
                    SQL(level),
                    SQL(f" WHEN ({when})" if when and level == "ROW" else ""),
                    SQL(", ").join(map(SQL.identifier, merged)),
                )
            )
