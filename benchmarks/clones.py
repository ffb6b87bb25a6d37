"""Many rows like one record's, by one statement.

Runs inside `odoo shell` of a scratch database.
"""

from contextlib import contextmanager

from odoo.tools import SQL


def clone(env, record, count, **own):
    """Insert ``count`` rows like ``record``'s; return the range of their ids.

    :param own: SQL by column, where a row is not like the record's. In it ``n`` is the
        number of the row, from 1, and ``own_id`` its id.
    """
    env.flush_all()
    names = [name for [name] in env.execute_query(_columns_of(record._table))]
    unknown = own.keys() - set(names)
    assert not unknown, f"{record._table} has no {unknown}"
    [[first]] = env.execute_query(
        SQL("SELECT setval(%(seq)s, nextval(%(seq)s) + %(more)s) - %(more)s",
            seq=f"{record._table}_id_seq", more=count - 1)
    )  # fmt: skip
    values = SQL(", ").join(
        SQL(own[name].replace("%", "%%"))
        if name in own
        else SQL.identifier("model", name)
        for name in names
    )
    with _foreign_keys_checked_once(env, record._table):
        env.cr.execute(
            SQL(
                "INSERT INTO %(table)s (id, %(columns)s) SELECT own_id, %(values)s"
                " FROM generate_series(1, %(count)s) n"
                " CROSS JOIN LATERAL (SELECT %(first)s::int + n - 1 AS own_id) own"
                " JOIN %(table)s model ON model.id = %(id)s",
                table=SQL.identifier(record._table),
                columns=SQL(", ").join(map(SQL.identifier, names)),
                values=values,
                count=count,
                first=first,
                id=record.id,
            )
        )
    env.invalidate_all()
    return range(first, first + count)


@contextmanager
def _foreign_keys_checked_once(env, table):
    """Check a table's foreign keys once all rows are there, not row by row."""
    keys = env.execute_query(
        SQL(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = %s::regclass AND contype = 'f'",
            table,
        )
    )
    change = SQL("ALTER TABLE %s", SQL.identifier(table))
    for name, _text in keys:
        env.cr.execute(SQL("%s DROP CONSTRAINT %s", change, SQL.identifier(name)))
    yield
    for name, text in keys:
        key = SQL("ADD CONSTRAINT %s %s", SQL.identifier(name), SQL(text))
        env.cr.execute(SQL("%s %s", change, key))


def _columns_of(table):
    return SQL(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' AND attname <> 'id'",
        table,
    )


def at(ids, place):
    """Return the SQL of the id at ``place`` of a range (SQL over ``n``, from 0)."""
    return f"{ids[0]} + {place}"
