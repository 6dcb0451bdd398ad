"""The Chromium that is installed on this machine, which tests of pages control. It is not downloaded."""

import shutil

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run"]
"""For a browser that is run by root, and reaches nothing but the pages under test."""
