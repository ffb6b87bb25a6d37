from . import referral_lead_dossier
from . import referral_compliance_evidence, referral_territory_gap
from . import referral_settlement_statement
