"""A record of all that a page asked for and complained about."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, Response


@dataclass
class Record:
    """What happened in a page since it was opened or since ``clear``."""

    external: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    console_errors: list[str] = field(default_factory=list)
    page_errors: list[str] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Everything that must not happen in a page of the book."""
        kinds = ("external", "failed", "console_errors", "page_errors")
        return [f"{kind}: {what}" for kind in kinds for what in getattr(self, kind)]

    def clear(self) -> None:
        for entries in vars(self).values():
            entries.clear()


def is_local(url: str) -> bool:
    """Whether an address can be had without a network."""
    parts = urlsplit(url)
    return parts.scheme in ("file", "data", "blob", "about") or parts.hostname in ("localhost", "127.0.0.1")


def watch(page: Page) -> Record:
    """Record what ``page`` requests and reports from now on."""
    record = Record()

    def requested(request: Request) -> None:
        if not is_local(request.url):
            record.external.append(request.url)

    def answered(response: Response) -> None:
        record.responses.append(response)
        if response.status >= 400:
            record.failed.append(f"{response.status} {response.url}")

    page.on("request", requested)
    page.on("response", answered)
    page.on("requestfailed", lambda request: record.failed.append(f"{request.failure} {request.url}"))
    page.on("console", lambda message: message.type == "error" and record.console_errors.append(message.text))
    page.on("pageerror", lambda error: record.page_errors.append(str(error)))
    return record
