"""All tests read English, whatever the language of who runs them."""

import os

os.environ["DIALER_LANG"] = "en"
