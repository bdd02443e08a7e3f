"""nginx and Caddy before the server: the files of deploy/ as they are, but for the name, the ports and the certificate."""

import asyncio
import os
import socket
import ssl

import aiohttp

from .apus import REPOSITORY, free_port
from .tls_proxy import self_signed
from .waiting import until

# What surrounds a site on a real machine: writes nothing but below its folder.
NGINX = """
daemon off; pid nginx.pid; error_log stderr; {user}
events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    {site}
}}
"""
CADDY = """
{{
    admin off
    auto_https disable_redirects
    default_bind 127.0.0.1 [::1]
}}
{site}
"""


class RealProxy:
    """`async with RealProxy("nginx", port, folder) as proxy`: `proxy.url` leads to `port`; `proxy.certificate` is to be trusted."""

    def __init__(self, kind, port, folder):
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        self.certificate, key = self_signed(folder, "localhost", "127.0.0.1")
        self.folder = folder
        file, self.arguments = getattr(self, f"_{kind}")(port, key)
        (folder / "proxy.conf").write_text(file)

    def _nginx(self, port, key):
        site = replaced(
            (REPOSITORY / "deploy/nginx.conf").read_text(),
            {
                "listen 443": f"listen 127.0.0.1:{self.port}",
                "listen [::]:443": f"listen [::1]:{self.port}",
                "server_name meet.example.org": "server_name localhost",
                "/etc/letsencrypt/live/meet.example.org/fullchain.pem": str(self.certificate),
                "/etc/letsencrypt/live/meet.example.org/privkey.pem": str(key),
                "127.0.0.1:7880": f"127.0.0.1:{port}",
            },
        )
        # Else its workers are somebody who may not look into our folder.
        user = "user root;" if os.getuid() == 0 else ""
        return NGINX.format(user=user, site=site), ["/usr/sbin/nginx", "-e", "stderr", "-p", str(self.folder), "-c", "proxy.conf"]

    def _caddy(self, port, key):
        site = replaced(
            (REPOSITORY / "deploy/Caddyfile").read_text(),
            {
                "meet.example.org {": f"{self.url} {{\n\ttls {self.certificate} {key}",
                "127.0.0.1:7880": f"127.0.0.1:{port}",
            },
        )
        return CADDY.format(site=site), ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", str(self.folder / "proxy.conf")]

    # The same, but with connections to the server that are used again, as many people set it up.

    def _nginx_that_keeps(self, port, key):
        file, arguments = self._nginx(port, key)
        changes = {
            "map $http": f"upstream apus {{ server 127.0.0.1:{port}; keepalive 16; }} map $http",
            '""      close;': '"" "";',
            f"proxy_pass http://127.0.0.1:{port}": "proxy_pass http://apus",
        }
        return replaced(file, changes), arguments

    def _caddy_that_keeps(self, port, key):
        file, arguments = self._caddy(port, key)
        return replaced(file, {"keepalive off": "keepalive 30s"}), arguments

    async def __aenter__(self):
        home = {name: str(self.folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        with (self.folder / "proxy.log").open("w") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.arguments, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **home}
            )
        try:
            await until(self._answers, "the proxy answers", 20)
        except AssertionError:
            await self.__aexit__()
            raise AssertionError(f"the proxy does not answer:\n{(self.folder / 'proxy.log').read_text()}") from None
        return self

    async def _answers(self):
        async with self.session() as session:
            try:
                async with session.get(self.url + "/healthz") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.wait()

    def session(self, source=None):
        """A client that trusts the proxy, and comes from `source`, an address of ours."""
        trust = ssl.create_default_context(cafile=self.certificate)
        place = {"local_addr": (source, 0), "family": socket.AF_INET} if source else {}
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust, **place))


def replaced(text, changes):
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the file"
        text = text.replace(old, new)
    return text
