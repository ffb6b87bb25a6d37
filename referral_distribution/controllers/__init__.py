from . import link, portal
