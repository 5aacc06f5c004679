"""Slack, Teams and others, by Apprise (github.com/caronc/apprise): a few lines that people read.

In:     Notice
Out:    a title and a text in which nothing that somebody else wrote is a mention, a link or a command
Fails:  Away, always: Apprise does not say why something was not taken

Apprise makes its own requests. Where its URL has a host, that is resolved and checked before, but not connected to: who
answers differently a moment later gets through. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import importlib.util
import re
from typing import Any, Literal

from pydantic import model_validator

from pipeline.alert.destination import Destination
from pipeline.alert.notice import Notice
from pipeline.alert.plain import clean
from pipeline.alert.secret import Secret
from pipeline.alert.wire import Away, Reply, Tls, Wire

#: Of Apprise's services those that stay on this machine.
LOCAL = frozenset({"dbus", "qt", "kde", "glib", "gnome", "macosx", "windows", "syslog", "file"})
KIND = {"critical": "failure", "high": "failure", "medium": "warning", "low": "info"}
_MENTION = re.compile(r"(?<!\w)@")


class Chat(Destination):
    """`url`: a secret that holds an Apprise URL, e.g. `slack://TokenA/TokenB/TokenC`."""

    kind: Literal["chat"]
    url: Secret

    @model_validator(mode="after")
    def _can(self) -> Chat:
        if importlib.util.find_spec("apprise") is None:
            raise ValueError("expected the package apprise, which is not installed: pip install whodid[chat]")
        if self.proxy is not None or self.tls != Tls():
            raise ValueError("expected neither proxy nor tls: Apprise takes both from the environment")
        return self

    async def send(self, notice: Notice, wire: Wire) -> Reply:
        """See Destination."""
        service = _service(self.url.read(), self.timeout)
        if any("{host}" in shape for shape in service.templates):
            for host in {service.host, getattr(service, "smtp_host", None) or service.host}:
                await wire.reachable(str(host))
        title, text = payload(notice)
        kind = "success" if notice.news == "closed" else KIND.get(notice.alert.severity, "warning")
        try:
            async with asyncio.timeout(self.timeout):
                taken = await asyncio.to_thread(_notify, service, title, text, kind)
        except TimeoutError as error:
            raise Away(f"no answer within {self.timeout:g} s") from error
        if not taken:
            raise Away(f"{service.service_name} did not take it; Apprise does not say why")
        return Reply(0, {}, b"")


def payload(notice: Notice) -> tuple[str, str]:
    """Title and text."""
    alert = notice.alert
    news = "" if notice.news == "opened" else f" ({notice.news})"
    title = f"{'EXAMPLE ' if notice.example else ''}[{harmless(alert.severity, 20)}] {harmless(alert.title, 200)}{news}"
    lines = [harmless(alert.sentence, 600)]
    lines += [f"- {harmless(text, 300)}" for text in alert.unusual[:3]]
    if len(alert.unusual) > 3:
        lines.append(f"- … and {len(alert.unusual) - 3} more")
    if alert.runbook and notice.news != "closed":
        lines.append(f"Do first: {harmless(alert.runbook[0], 300)}")
    if notice.news == "closed":
        lines.append(f"Verdict: {harmless(alert.verdict, 20) or 'none'}")
    lines += [notice.link] if notice.link else []
    return title, "\n".join(filter(None, lines))


def harmless(text: str, most: int) -> str:
    """Text that no chat takes for a mention, a link or markup of its own: it looks nearly the same."""
    shown = clean(text, most).replace("<", "‹").replace(">", "›").replace("://", "[:]//").replace("](", "] (")
    return _MENTION.sub("＠", shown).replace("`", "'").replace("&", "＆")


def _service(url: str, timeout: float) -> Any:  # noqa: ANN401  (Apprise is optional)
    """The service of an Apprise URL, which never appears in a message."""
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415  (optional)

    asset = AppriseAsset(secure_logging=True, async_mode=False, http_redirects=False, plugin_paths=[])
    service: Any = Apprise.instantiate(url, asset=asset)
    if service is None:
        raise Away("url: expected a URL of Apprise, e.g. slack://TokenA/TokenB/TokenC")
    schemes = {service.protocol, service.secure_protocol} if isinstance(service.protocol, str | None) else set()
    if LOCAL & {str(one) for one in schemes} or url.partition("://")[0].lower() in LOCAL:
        raise Away("url: expected a service that is not on this machine")
    # Its URL could say otherwise.
    service.redirects = False
    service.socket_connect_timeout = service.socket_read_timeout = timeout
    return service


def _notify(service: Any, title: str, text: str, kind: str) -> bool:  # noqa: ANN401
    """In a thread of its own."""
    from apprise import NotifyFormat, NotifyType  # noqa: PLC0415  (optional)

    return bool(service.notify(body=text, title=title, notify_type=NotifyType(kind), body_format=NotifyFormat.TEXT))
