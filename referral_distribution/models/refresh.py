"""Stored figures of Odoo that anybody with write access could write over RPC."""


def refresh(records, names):
    """Compute stored fields again, and tell what depends on those that were wrong.

    :param names: names of fields; those that are not computed stay as they are.
    """
    names = [name for name in names if records._fields[name].compute]
    before = [[record[name] for name in names] for record in records]
    for name in names:
        records.env.add_to_compute(records._fields[name], records)
    if before != [[record[name] for name in names] for record in records]:
        records.modified(names)
