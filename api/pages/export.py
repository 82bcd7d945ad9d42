"""The page of an archive: its button gives the address of the file, for five minutes."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from api.apis.auth.services import InvalidOrExpired
from api.apis.export import services as export
from api.exceptions import NotThere
from api.pages.base import LinkPage


class ExportPage(LinkPage):
    title = "Your export"
    text = "The archive holds everything, so keep it as safe as what is in it."
    button = "Get the file"
    done = "The address is good for five minutes. Press the button in the mail's page again for another one."

    def facts(self, token: str) -> dict[str, Any]:
        try:
            archive = export.archive_behind(token)
        except NotThere:
            raise InvalidOrExpired from None
        size = f"{max(1, round(archive.size_bytes / 1e6)):,} MB"
        return {"token": token, "lead": f"An archive of {archive.whose}, {size}."}

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            address = export.address_by_mail(self.caller, token=request.POST.get("token", ""))
        except NotThere:
            raise InvalidOrExpired from None
        return self._page(is_done=True, file=address)
