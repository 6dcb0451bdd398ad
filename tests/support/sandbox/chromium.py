"""The Chromium that is installed on this machine, which tests of pages control. It is not downloaded."""

import shutil

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
