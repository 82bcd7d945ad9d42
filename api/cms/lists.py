"""Lists of the CMS: rows by keyset pages, filtered, with the columns that one chooses, and as a table for a spreadsheet.

All that one chooses stands in the address: filters, columns, the cursor. So a list can be sent to a colleague.
"""

import abc
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

from django.conf import settings
from django.forms import Form
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.text import slugify

from api.apis.staff import selectors as staff
from api.apis.staff import services as staff_services
from api.cms.access import caller_of, duties_of, has_fresh_proof
from api.cms.forms.filters import FilterForm
from api.cms.pages import Pager, StaffPage, Text, to_proof
from api.platform import sheets
from api.platform.keyset import Cursor, Page

_CHUNK = 1000  # rows that are read at once where all are wanted
_FOUND_MOST = 10_001  # of a list that has no pages of what was found


class Column(NamedTuple):
    """A column: `name` is the key of its value in a row, in addresses and in tables."""

    name: str
    label: Text
    cell: str = "text"  # of templates/cms/cells, which sees `row` and `value`
    is_usual: bool = True  # shown when no columns were chosen
    is_personal: bool = False  # left out of the tables of who may not take personal data away


class Choice(NamedTuple):
    """What may be done to those rows that one has chosen: the page that asks, which says what it takes."""

    page: str
    label: Text
    needs: str

    @property
    def page_name(self) -> str:
        return f"cms:{self.page}"


class ListPage(StaffPage, abc.ABC):
    """A list. The first column is the name of its row, and always there."""

    name: ClassVar[str]  # of its cursors and tables
    title: ClassVar[Text]
    form_class: ClassVar[type[Form] | None] = None  # what it can be narrowed by
    columns: ClassVar[tuple[Column, ...]]
    nothing: ClassVar[Text]  # when there are no rows at all: what to do about it
    nothing_fits: ClassVar[Text] = ""
    template: ClassVar[str] = "cms/list.html"
    has_pages_of_found: ClassVar[bool] = True  # or else one page, and the advice to type more
    choices: ClassVar[tuple[Choice, ...]] = ()
    can_be_saved: ClassVar[bool] = True  # as a filter: not where it is a part of one thing

    @abc.abstractmethod
    def rows(self, filters: Mapping[str, Any], *, cursor: Cursor | None, limit: int) -> Page:
        """A page of what fits the filters, which are the fields of the form that were filled in."""

    def get(self, request: HttpRequest, **ids: Any) -> HttpResponseBase:
        form = self.form_class(request.GET) if self.form_class is not None else None
        filters = filters_of(form)
        if filters is not None and request.GET.get("as") == "csv":
            return self._table(filters)
        pager = Pager(request, self.name, *ids.values(), *sorted((filters or {}).items()))
        limit = settings.PAGE_LIMIT_DEFAULT
        page = self.rows(filters, cursor=pager.cursor, limit=limit) if filters is not None else Page([], *[None] * 3)
        is_searched = form is not None and any(request.GET.get(field, "").strip() for field in form.fields)
        is_cut = not self.has_pages_of_found and bool((filters or {}).get("q")) and len(page.rows) >= limit
        context = {**self._frame(form, page), "is_searched": is_searched, "is_cut": is_cut, **pager.links(page)}
        return self.page(self.template, context)

    def every_page(self, filters: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
        """All rows that fit, some at once."""
        cursor: Cursor | None = None
        limit = _CHUNK if self.has_pages_of_found else _FOUND_MOST
        while True:
            page = self.rows(filters, cursor=cursor, limit=limit)
            yield page.rows
            cursor = page.next
            if cursor is None:
                return

    def _frame(self, form: Form | None, page: Page) -> dict[str, Any]:
        chosen, may = self._chosen(), duties_of(self.request)
        return {
            "choices": [choice for choice in self.choices if choice.needs in may],
            "title": self.title,
            "form": form,
            "rows": [_Row(row, chosen) for row in page.rows],
            "chosen": chosen,
            "columns": [(column, column in chosen) for column in self.columns[1:]],
            "nothing": self.nothing,
            "nothing_fits": self.nothing_fits,
            "can_be_saved": self.can_be_saved,
            "list_name": self.name,
            "filter_form": FilterForm(auto_id="filter_%s"),
            "saved": staff.saved_filters(caller_of(self.request), list_name=self.name),
            "present": _without_cursor(self.request),
            "kept": [(name, value) for name, value in self.request.GET.items() if name not in ("column", "cursor")],
        }

    def _chosen(self) -> list[Column]:
        asked = set(self.request.GET.getlist("column"))
        others = [column for column in self.columns[1:] if column.name in asked]
        return [self.columns[0], *(others or [column for column in self.columns[1:] if column.is_usual])]

    def _table(self, filters: Mapping[str, Any]) -> HttpResponseBase:
        """The whole list, and not only a page of it, in the columns that were chosen."""
        may = duties_of(self.request)
        columns = [column for column in self._chosen() if not column.is_personal or "personal.export" in may]
        if any(column.is_personal for column in columns) and not has_fresh_proof(self.request):
            return to_proof(self.request)
        narrowed = {name: str(value) for name, value in filters.items()}
        staff_services.record_table(
            caller_of(self.request), name=self.name, filters=narrowed, columns=[column.name for column in columns]
        )
        response = StreamingHttpResponse(self._lines(filters, columns), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{slugify(self.name)}.csv"'
        return response

    def _lines(self, filters: Mapping[str, Any], columns: list[Column]) -> Iterator[str]:
        yield sheets.row_of(column.name for column in columns)
        for rows in self.every_page(filters):
            yield "".join(sheets.row_of(_in_table(row[column.name]) for column in columns) for row in rows)


class _Row:
    """A row as the template walks it: the cells of the chosen columns."""

    def __init__(self, row: Mapping[str, Any], columns: list[Column]) -> None:
        self.row = row
        self.cells = [(f"cms/cells/{column.cell}.html", column.label, row[column.name]) for column in columns]


def _without_cursor(request: HttpRequest) -> str:
    """The list as it is narrowed, from its first page on."""
    query = request.GET.copy()
    for name in [name for name, value in query.items() if name == "cursor" or not value]:
        del query[name]
    return query.urlencode()


def filters_of(form: Form | None) -> dict[str, Any] | None:
    """The fields that were filled in; None if one of them makes no sense."""
    if form is None:
        return {}
    return {name: value for name, value in form.cleaned_data.items() if value} if form.is_valid() else None


def _in_table(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return "" if value is None else str(value)
