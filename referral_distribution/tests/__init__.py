from . import test_contracts
from . import test_door
from . import test_engine
from . import test_links
from . import test_members
from . import test_portal
