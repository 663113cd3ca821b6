"""Where to listen and who may ask: addresses that only this machine reaches, and bearer tokens for all others."""

from __future__ import annotations

import errno
import hashlib
import hmac
import ipaddress
import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from nlp.read import os_reason
from nlp.serve.limits import ServeError

TOKEN_VARIABLE = "WENZE_TOKEN"
_SHORTEST = 16
_BACKLOG = 512
_TOKEN = re.compile(r"[!-~]+")
_MAKE_ONE = '可用 python -c "import secrets; print(secrets.token_urlsafe(32))" 生成'


def is_loopback(host: str) -> bool:
    """Whether every address of a host name is one that only this machine reaches."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host or "0.0.0.0", None)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in found)


def tokens(file: Path | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The tokens of a file (one a line; # begins a comment), else those of WENZE_TOKEN. Raises ServeError."""
    if file is None:
        where, found = f"环境变量 {TOKEN_VARIABLE}", re.split(r"[\s,]+", environment.get(TOKEN_VARIABLE, ""))
    else:
        where, found = f"令牌文件 {file}", _lines(file)
    given = tuple(token for token in found if token)
    for number, token in enumerate(given, 1):
        if len(token) < _SHORTEST or not _TOKEN.fullmatch(token):
            raise ServeError(
                f"{where} 的第 {number} 个令牌不能用：应至少 {_SHORTEST} 个字符，只用英文字母、数字和符号。{_MAKE_ONE}"
            )
    if file is not None and not given:
        raise ServeError(f"{where} 里没有令牌：一行一个，# 开头的行不算。{_MAKE_ONE}")
    return given


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ServeError(f"令牌文件 {file} 读不了（{os_reason(error)}）。请检查路径与权限") from error
    except UnicodeDecodeError as error:
        raise ServeError(f"令牌文件 {file} 不是 UTF-8 文本。请另存为 UTF-8") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if not line.startswith("#")]


def refuse_open_door(host: str, given: Sequence[str]) -> None:
    """Raises ServeError for an address that other machines reach, unless there is a token."""
    if not given and not is_loopback(host):
        raise ServeError(
            f"{host or '0.0.0.0'} 不是本机回环地址，别的机器也能访问，必须设令牌："
            f"加 --token-file 文件，或设环境变量 {TOKEN_VARIABLE}。{_MAKE_ONE}；只在本机用，请去掉 --host"
        )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 lets the system choose. Raises ServeError, which says why it cannot."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return socket.create_server(found[0][4][:2], family=found[0][0], backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        told = os_reason(error) if isinstance(error, OSError) else "端口应在 0 至 65535 之间"
        reason = "端口已被占用" if getattr(error, "errno", None) == errno.EADDRINUSE else told
        raise ServeError(f"不能在 {host or '0.0.0.0'}:{port} 监听（{reason}）。请换一个 --port 或 --host") from error


class Door:
    """Lets in whoever brings one of the tokens; everybody when there are none."""

    def __init__(self, given: Sequence[str]) -> None:
        self._known = tuple(hashlib.sha256(token.encode()).digest() for token in given)

    @property
    def open(self) -> bool:
        return not self._known

    def admits(self, authorization: str) -> bool:
        """Whether an Authorization header carries a known token; every known one is compared, in constant time."""
        scheme, _, token = authorization.partition(" ")
        told = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
        matches = [hmac.compare_digest(told, known) for known in self._known]
        return self.open or (scheme.lower() == "bearer" and any(matches))


_OWN_NAMES = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?", re.IGNORECASE)


def names_this_machine(host: str) -> bool:
    """Whether a Host header names this machine: pages of other sites that reach us by a name of their own do not."""
    return bool(_OWN_NAMES.fullmatch(host))
