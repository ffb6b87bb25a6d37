from . import (
    link,
    portal,
    portal_channels,
    portal_data,
    portal_join,
    portal_records,
    portal_share,
    portal_share_sheet,
    portal_team,
    poster,
    signup,
    signup_consent,
)
