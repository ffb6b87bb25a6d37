from . import link, portal, portal_records, portal_share
