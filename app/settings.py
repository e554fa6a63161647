"""Settings from the environment, who uses the command line, and the secrets of a study."""

import contextlib
import getpass
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.errors import SettingsError

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SECRET_FILE = ".secret.json"  # noqa: S105 - a file, no secret


@dataclass(frozen=True)
class Variable:
    """A variable of the environment that Earmark reads, and what it is for."""

    name: str
    meaning: str


VARIABLES = (
    Variable("DATABASE_URL", "another database than `study.db`, such as `postgresql+psycopg://user@host/name`"),
    Variable(
        "EARMARK_SECRET",
        "key of tokens, clip addresses and logins, at least 16 characters; else made and kept in `.secret.json`. With "
        "another key, sessions under way, personal links and codes of authenticator apps no longer work",
    ),
    Variable(
        "EARMARK_ADMIN_PASSWORD",
        "password of `/admin`, at least 8 characters; else made and kept in `.secret.json`",
    ),
    Variable(
        "EARMARK_KIOSK_PIN",
        "PIN of the experimenter, at least 6 characters: browsers in kiosk mode ask for it before the next participant",
    ),
    Variable(
        "EARMARK_METRICS_TOKEN",
        "token, at least 16 characters, with which a program reads `/admin/metrics` without a login, and nothing else",
    ),
    Variable(
        "EARMARK_ACCOUNT", "name by which the log knows who uses the command line; else that of the system's user"
    ),
    Variable("HF_TOKEN", "token of the Hugging Face account that accepted a model's licence"),
    Variable(
        "EARMARK_WEIGHTS",
        "folder of the weights that metrics hear with (CLAP, PaSST, OpenL3), where `--weights` names none",
    ),
    Variable("EARMARK_PYTHON", "the Python that the launcher makes `.venv` with"),
    Variable(
        "EARMARK_LOG",
        "level of the log: `DEBUG`, `INFO` (default with `--log json`), `WARNING` (default), `ERROR`, `CRITICAL`",
    ),
    Variable(
        "XDG_CACHE_HOME", "folder under which `earmark` keeps compiled kernels and large files' hashes; else `~/.cache`"
    ),
)
"""All of them: the launcher reads EARMARK_PYTHON, the loader of models HF_TOKEN, app/verbs/metrics/hearing.py
EARMARK_WEIGHTS, and quant/files.py XDG_CACHE_HOME; the rest is read here."""


@dataclass(frozen=True)
class Settings:
    """What the environment says, by the variable of the same name; None where it is silent."""

    database_url: str | None = None
    secret: str | None = None
    admin_password: str | None = None
    kiosk_pin: str | None = None
    metrics_token: str | None = None


def log_level(environment: Mapping[str, str] | None = None, usual: str = "WARNING") -> str:
    """Read how much is logged, in any case of letters; as is `usual` where that is not said."""
    source = os.environ if environment is None else environment
    given = source.get("EARMARK_LOG") or usual
    if given.upper() not in LOG_LEVELS:
        raise SettingsError(f"EARMARK_LOG: {given[:40]!r} is not a level; use one of {', '.join(LOG_LEVELS)}")
    return given.upper()


@dataclass(frozen=True)
class Secrets:
    """The key and the password in force, and the PIN and the token of a program that watches where they are set."""

    key: bytes
    admin_password: str
    kiosk_pin: str = ""
    metrics_token: str = ""


def on_command_line() -> str:
    """Return by which name the log knows who uses the command line."""
    if given := os.environ.get("EARMARK_ACCOUNT"):
        return given[:100]
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for it
        user = "somebody"
    return f"{user} on the command line"[:100]


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment, or from a mapping that stands for it."""
    source = os.environ if environment is None else environment
    settings = Settings(
        database_url=source.get("DATABASE_URL") or None,
        secret=source.get("EARMARK_SECRET") or None,
        admin_password=source.get("EARMARK_ADMIN_PASSWORD") or None,
        kiosk_pin=source.get("EARMARK_KIOSK_PIN") or None,
        metrics_token=source.get("EARMARK_METRICS_TOKEN") or None,
    )
    shortest = {
        "EARMARK_SECRET": 16, "EARMARK_ADMIN_PASSWORD": 8, "EARMARK_KIOSK_PIN": 6, "EARMARK_METRICS_TOKEN": 16
    }  # fmt: skip
    for name in ("DATABASE_URL", *shortest):
        if any("\ud800" <= character <= "\udfff" for character in source.get(name, "")):
            raise SettingsError(f"{name}: is not UTF-8 text; write it again")
    for name, characters in shortest.items():
        if 0 < len(source.get(name, "")) < characters:
            raise SettingsError(f"{name}: shorter than {characters} characters; use a longer one")
    return settings


def load_secrets(folder: Path, settings: Settings) -> Secrets:
    """Return the secrets of a study: from the environment, else from its file, which is made when missing."""
    path = folder / SECRET_FILE
    if settings.secret and settings.admin_password:
        stored: dict[str, str] = {}
    else:
        stored = _read(path) if path.exists() else _create(path)
    return Secrets(
        key=(settings.secret or stored["secret"]).encode(),
        admin_password=settings.admin_password or stored["admin_password"],
        kiosk_pin=settings.kiosk_pin or "",
        metrics_token=settings.metrics_token or "",
    )


def _read(path: Path) -> dict[str, str]:
    with contextlib.suppress(OSError):  # it may be another's
        path.chmod(0o600)  # a copy, or an archive unpacked, may have made it readable
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(stored[key], str) and stored[key] for key in ("secret", "admin_password")):
            raise ValueError("empty entries")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{path}: damaged ({error}); restore it from a copy. If you have none, delete it: a new one is "
            "made, but sessions under way and links sent before stop working"
        ) from error
    return dict(stored)


def _create(path: Path) -> dict[str, str]:
    made = {"secret": secrets.token_hex(32), "admin_password": secrets.token_urlsafe(12)}
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(made, file)
    except FileExistsError:  # another process was quicker
        return _read(path)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error}); make the folder writable") from error
    return made
