"""nginx, Caddy and Apache, started with what docs/serving/deploy.md says to write."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from behind import PATH, Behind
from served import ROOT, Server, until

DOCS = ROOT / "docs" / "serving" / "deploy.md"
UNPACKED = ROOT / ".venv" / "proxies"  # where `earmark test` puts Debian's packages
FOLDERS = os.pathsep.join([os.environ["PATH"], "/usr/sbin", f"{UNPACKED}/usr/sbin", f"{UNPACKED}/usr/bin"])

NGINX = """
daemon off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  access_log off;
  {temporary}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;
    {snippet}
  }}
}}
"""
CADDY = """
{{
  admin off
  skip_install_trust
  auto_https disable_redirects
  default_bind 127.0.0.1
  storage file_system {folder}
}}
{snippet}
"""
APACHE = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
DefaultRuntimeDir {folder}
ErrorLog /dev/stderr
Listen 127.0.0.1:{port}
User nobody
Group nogroup
{modules}
SSLEngine on
SSLCertificateFile {folder}/certificate.pem
SSLCertificateKeyFile {folder}/key.pem
{snippet}
"""


def snippet(language: str) -> str:
    """Return what the page says to write for a program."""
    return re.search(rf"^```{language}\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[1]


def program(name: str) -> Path:
    """Return where a program is; without it the test is skipped."""
    found = shutil.which(name, path=FOLDERS)
    if found is None:
        pytest.skip(f"no {name} here; `earmark test` fetches it where apt-get can")
    return Path(found)


@contextmanager
def started(name: str, server: Server, folder: Path) -> Iterator[Behind]:
    """Serve a study through a program over TLS under a path, until it is no longer needed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.mkdir()
    path, arguments = COMMANDS[name](folder, port, snippet(name).replace(":7860", f":{server.port}"))
    libraries = os.pathsep.join(map(str, (path.parents[1] / "lib").glob("*-linux-gnu")))
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries, "HOME": str(folder)}
    there = Behind(f"https://localhost:{port}{PATH}", server.folder)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([path, *arguments], env=environment, cwd=folder, stderr=log, stdout=log)
    try:

        def answers() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            return answered(f"{there.url}/healthz")

        until(answers)
        yield there
    finally:
        process.terminate()
        process.wait(20)


def answered(url: str) -> bool:
    anything = ssl.create_default_context()
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=5, context=anything) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{url}: {error}") from error
    except OSError:
        return False


def certify(folder: Path) -> None:
    openssl = program("openssl")
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]
    subprocess.run([openssl, *made, *files], check=True, capture_output=True)


def nginx(folder: Path, port: int, said: str) -> tuple[Path, list[str]]:
    path = program("nginx")
    certify(folder)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    text = NGINX.format(folder=folder, port=port, temporary=temporary, snippet=said)
    (folder / "nginx.conf").write_text(text)
    return path, ["-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int, said: str) -> tuple[Path, list[str]]:
    path = program("caddy")
    local = said.replace("lab.uni.example {", f"https://localhost:{port} {{\n    tls internal")
    assert local != said
    (folder / "Caddyfile").write_text(CADDY.format(folder=folder, snippet=local))
    return path, ["run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def apache(folder: Path, port: int, said: str) -> tuple[Path, list[str]]:
    path = program("apache2")
    certify(folder)
    there = path.parents[1] / "lib" / "apache2" / "modules"
    names = ("mpm_event", "alias", "authz_core", "proxy", "proxy_http", "headers", "ssl", "socache_shmcb")
    modules = "\n".join(f"LoadModule {name}_module {there}/mod_{name}.so" for name in names)
    (folder / "apache.conf").write_text(APACHE.format(folder=folder, port=port, modules=modules, snippet=said))
    return path, ["-D", "FOREGROUND", "-f", str(folder / "apache.conf")]


COMMANDS: dict[str, Callable[[Path, int, str], tuple[Path, list[str]]]] = {
    "nginx": nginx,
    "caddy": caddy,
    "apache": apache,
}
