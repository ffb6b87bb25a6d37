from . import test_withholding
