"""Imported first by every benchmark: makes the project importable and sets Django up, with secrets of its own."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# For logs, files and secrets; gone when the process ends.
SCRATCH = Path(tempfile.mkdtemp(prefix="handset-bench-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)

sys.path[:0] = [str(ROOT), str(ROOT / "clients/signing/python")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
os.environ.setdefault("VAR_DIR", str(SCRATCH))

import django  # noqa: E402 -- the settings are named first

django.setup()
