"""The tests; what others inherit shows its values when it fails, too."""

import pytest

pytest.register_assert_rewrite("tests.contract", "tests.shells")
