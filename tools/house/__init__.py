"""What the commands of this repository are made of.

``report``     progress lines and problems, ``run`` a program with a heartbeat
``settings``   folders, keys, locks: where things are kept and what they depend on
``machine``    apt: system packages, Debian's Odoo package
``odoo``       find or unpack Odoo 19
``venv``       the pinned virtual environment
``postgres``   an existing server, or a private cluster on a unix socket
``template``   the database of all dependencies that new databases are copied from
``databases``  databases with the addons of this repository
``front``      one port before Odoo's two (pages and websocket)
``serve``      the demo server
``quality``    lint
``testing``    every test, one summary
``suites``     Odoo's own tests of its apps, beside our addons
``cli``        the commands
"""
