from . import test_bad_input
from . import test_consent
from . import test_flows
from . import test_pure
