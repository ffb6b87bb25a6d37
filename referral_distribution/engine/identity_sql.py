"""What ``identity`` compares, as functions of the database that indexes are built on.

Among a million leads the same mailbox or phone is found by an index on these functions,
not by reading. They name nothing but PostgreSQL's own functions, so that a dump can be
restored; a change of one needs a migration that rebuilds the indexes on it.
"""

# An address as Odoo normalises it: small letters, one "@".
_EMAIL = """
CREATE OR REPLACE FUNCTION referral_plain_email(address text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURNS NULL ON NULL INPUT AS $body$
    SELECT CASE
        WHEN split_part(split_part(address, '@', 1), '+', 1) = ''
            OR split_part(address, '@', 2) = '' THEN NULL
        WHEN split_part(address, '@', 2) IN ('gmail.com', 'googlemail.com') THEN
            replace(split_part(split_part(address, '@', 1), '+', 1), '.', '')
                || '@gmail.com'
        ELSE split_part(split_part(address, '@', 1), '+', 1)
            || '@' || split_part(address, '@', 2)
    END
$body$
"""
# Ten digits tell the mobile numbers of a country apart; with the country code or the
# trunk prefix in front of them or not.
_PHONE = """
CREATE OR REPLACE FUNCTION referral_plain_phone(phone text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURNS NULL ON NULL INPUT AS $body$
    SELECT CASE WHEN length(regexp_replace(phone, '[^0-9]', '', 'g')) >= 8
        THEN right(regexp_replace(phone, '[^0-9]', '', 'g'), 10) END
$body$
"""
_HOST = """
CREATE OR REPLACE FUNCTION referral_mail_host(address text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURNS NULL ON NULL INPUT AS $body$
    SELECT NULLIF('@' || split_part(address, '@', 2), '@')
$body$
"""


def make_functions(cr):
    """Make the functions; called before the tables whose indexes need them."""
    for definition in (_EMAIL, _PHONE, _HOST):
        cr.execute(definition)
