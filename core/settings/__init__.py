"""Every setting, in the order in which `.env.example` lists the variables behind them.

One set of modules for every environment: what differs is read from variables (`DJANGO_ENV` first of all), so that
production can be reached, and reasoned about, by variables alone. `tests.settings` adds what only tests need.
"""

from core.settings.base import *
from core.settings.rest import *
from core.settings.security import *
from core.settings.stores import *
from core.settings.vendors import *
