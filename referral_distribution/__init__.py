from . import controllers, door, engine, models, report, wizard
from .door import stand_in_front
from .engine.identity_sql import make_functions


def _pre_init_extensions(env):
    """Territories are exclusive in the database through an exclusion constraint,
    which compares integers in a GiST index (rule M5). Who is who is compared by
    functions that indexes are built on (rule L5)."""
    env.cr.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    make_functions(env.cr)


def _uninstall_partitions(env):
    """Odoo drops the tables of its models, but not partitioned ones."""
    env.cr.execute("DROP TABLE IF EXISTS referral_click CASCADE")
