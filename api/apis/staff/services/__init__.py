"""What staff keep to work with, what they do to many at once, and the numbers they look at."""

from api.apis.staff.services.figures import roll_up
from api.apis.staff.services.filters import TooManyFilters, delete_filter, move_filter, record_table, save_filter

__all__ = ["TooManyFilters", "delete_filter", "move_filter", "record_table", "roll_up", "save_filter"]
