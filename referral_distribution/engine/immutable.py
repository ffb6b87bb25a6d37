"""Tables the database itself protects.

``protect``: they only grow; UPDATE, DELETE and TRUNCATE are refused.
``protect_moves``: rows are never edited or deleted; only their ``state`` moves, along
the moves it is given, each with the columns that record it.
"""

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


def protect(
    cr,
    table: str,
    when: str = "",
    merged: tuple[str, ...] = (),
    events: tuple[str, ...] = ("UPDATE", "DELETE"),
):
    """Make ``table`` insert-only (ledger rule 2; threats A1, W8).

    :param str when: which rows are beyond change, as a condition on ``OLD``, such as
        ``"OLD.state = 'applied'"``; by default all of them. Never a user's text.
    :param merged: columns that point to contacts and follow when two are merged.
    :param events: what is refused of a row; TRUNCATE always is.

    May be called at every update of a module: it first looks whether the triggers
    stand. To migrate such a table, a migration script disables them by name.
    """
    cr.execute(
        "SELECT FROM pg_proc WHERE proname = 'referral_forbid_change' AND prosrc = %s",
        (_FUNCTION.split("$body$")[1],),
    )
    if not cr.rowcount:
        cr.execute(_FUNCTION)
    for level, refused in (("ROW", " OR ".join(events)), ("STATEMENT", "TRUNCATE")):
        name = f"{table}_forbid_{'change' if level == 'ROW' else 'truncate'}"
        cr.execute("SELECT 1 FROM pg_trigger WHERE tgname = %s", (name,))
        if not cr.rowcount:
            cr.execute(
                SQL(
                    "CREATE TRIGGER %s BEFORE %s ON %s FOR EACH %s%s"
                    " EXECUTE FUNCTION referral_forbid_change(%s)",
                    SQL.identifier(name),
                    SQL(refused),
                    SQL.identifier(table),
                    SQL(level),
                    SQL(f" WHEN ({when})" if when and level == "ROW" else ""),
                    SQL(", ").join(map(SQL.identifier, merged)),
                )
            )


_MOVES_FUNCTION = """
CREATE OR REPLACE FUNCTION referral_guard_moves() RETURNS trigger
LANGUAGE plpgsql AS $body$
DECLARE
    argument text;
    may_change text[] := '{}';
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state IS DISTINCT FROM split_part(TG_ARGV[0], '>', 1) THEN
            RAISE EXCEPTION 'a row of % does not begin as %',
                TG_TABLE_NAME, NEW.state USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    FOREACH argument IN ARRAY TG_ARGV LOOP
        IF split_part(argument, ':', 1) = OLD.state || '>' || NEW.state THEN
            may_change := string_to_array(split_part(argument, ':', 2), ',')
                || '{state,write_uid,write_date}'::text[];
        END IF;
    END LOOP;
    IF to_jsonb(NEW) - may_change IS DISTINCT FROM to_jsonb(OLD) - may_change THEN
        RAISE EXCEPTION 'a row of % that is % is never edited like this',
            TG_TABLE_NAME, OLD.state USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$body$
"""


def protect_moves(cr, table: str, moves: dict[str, tuple[str, ...]]):
    """Let a row of ``table`` begin in the first move's state and change by moves only.

    :param moves: ``{"from>to": columns the move writes beside the state}``.

    Called at every update of a module: the trigger is made anew, as moves may change.
    """
    protect(cr, table, events=("DELETE",))
    cr.execute(_MOVES_FUNCTION)
    names = {
        "trigger": SQL.identifier(f"{table}_guard_moves"),
        "table": SQL.identifier(table),
        "moves": SQL(", ").join(
            SQL("%s", f"{move}:{','.join(columns)}") for move, columns in moves.items()
        ),
    }
    cr.execute(SQL("DROP TRIGGER IF EXISTS %(trigger)s ON %(table)s", **names))
    cr.execute(
        SQL(
            "CREATE TRIGGER %(trigger)s BEFORE INSERT OR UPDATE ON %(table)s"
            " FOR EACH ROW EXECUTE FUNCTION referral_guard_moves(%(moves)s)",
            **names,
        )
    )
