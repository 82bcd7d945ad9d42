"""What staff keep to work with, what they do to many at once, and the numbers they look at."""

from api.apis.staff.services.bulk import (
    BULK_MOST,
    VERBS,
    NothingChosen,
    TooManyAtOnce,
    begin_bulk,
    run_bulk,
    stop_bulk,
    undo_bulk,
)
from api.apis.staff.services.figures import roll_up
from api.apis.staff.services.filters import TooManyFilters, delete_filter, move_filter, record_table, save_filter
from api.apis.staff.services.system import begin_ending_everybody, begin_trail_check, check_trail, end_everybody

__all__ = [
    "BULK_MOST",
    "VERBS",
    "NothingChosen",
    "TooManyAtOnce",
    "TooManyFilters",
    "begin_bulk",
    "begin_ending_everybody",
    "begin_trail_check",
    "check_trail",
    "delete_filter",
    "end_everybody",
    "move_filter",
    "record_table",
    "roll_up",
    "run_bulk",
    "save_filter",
    "stop_bulk",
    "undo_bulk",
]
