from . import test_contracts
from . import test_engine
from . import test_members
from . import test_portal
