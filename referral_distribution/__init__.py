from . import controllers, engine, models, report, wizard


def _pre_init_extensions(env):
    """Territories are exclusive in the database through an exclusion constraint,
    which compares integers in a GiST index (rule M5)."""
    env.cr.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
