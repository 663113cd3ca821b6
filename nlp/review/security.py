"""Who is asking, and whether a write was meant: sessions, CSRF tokens, headers, the password off the own machine.

In: requests. Out: a reviewer's name, or a refusal. Keeps no password and no text; sessions end with the process.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
import unicodedata
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

COOKIE = "wenze_review"
SESSION_SECONDS = 14 * 24 * 3600
MAX_BODY = 2_000_000
MAX_NAME = 30
_TRIES, _TRIES_SECONDS = 10, 60.0
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def name_problem(name: str) -> str | None:
    """Why a reviewer cannot be called this, in Chinese."""
    if not name:
        return "请填写姓名或代号"
    if len(name) > MAX_NAME:
        return f"姓名至多 {MAX_NAME} 字"
    if name.startswith("@") or any(unicodedata.category(character)[0] == "C" for character in name):
        return "姓名不能以 @ 开头，也不能含控制字符"
    return None


@dataclass
class Guard:
    """The secrets of one running page. ``password`` is None where none is asked for."""

    password: str | None = None
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _failures: deque[float] = field(default_factory=deque)

    def _mac(self, kind: str, text: str) -> str:
        return hmac.new(self._secret, f"{kind}:{text}".encode(), hashlib.sha256).hexdigest()

    def session(self, name: str) -> str:
        """A signed cookie that says who this is; '' for somebody who has not signed in yet."""
        told = base64.urlsafe_b64encode(name.encode()).decode()
        body = f"{told}.{int(time.time())}.{secrets.token_hex(8)}"
        return f"{body}.{self._mac('session', body)}"

    def name(self, cookie: str | None) -> str | None:
        """The name a cookie says; None where it is not ours or too old."""
        body, _, mac = (cookie or "").rpartition(".")
        if not body or not hmac.compare_digest(mac, self._mac("session", body)):
            return None
        told, since, _ = body.split(".")
        if int(since) + SESSION_SECONDS < time.time():
            return None
        return base64.urlsafe_b64decode(told).decode()

    def csrf(self, cookie: str) -> str:
        """The token that every form of this session carries."""
        return self._mac("csrf", cookie)

    def meant(self, cookie: str | None, token: str, origin: str | None, host: str) -> bool:
        """Whether a write comes from a form of ours: its token fits the cookie, its page is of this host."""
        if not cookie or not origin or urlsplit(origin).netloc != host:
            return False
        return hmac.compare_digest(token.encode(), self.csrf(cookie).encode())

    def admits(self, password: str) -> bool:
        """Whether the password is right; always, where none is asked for."""
        if self.password is None:
            return True
        right = hmac.compare_digest(password.encode(), self.password.encode())
        if not right:
            self._failures.append(time.monotonic())
        return right

    @property
    def weary(self) -> bool:
        """Too many wrong passwords within a minute."""
        while self._failures and self._failures[0] < time.monotonic() - _TRIES_SECONDS:
            self._failures.popleft()
        return len(self._failures) >= _TRIES
