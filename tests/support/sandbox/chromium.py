"""The Chromium of the machine, which tests of pages drive; none is downloaded."""

import shutil

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
