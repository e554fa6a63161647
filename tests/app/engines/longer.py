"""A study of longer clips, in which something can happen in the middle of one; and what its pages told."""

from served import Server
from visiting import stored
from window import Window

from db.results.results import Results
from survey import EventRow

SECONDS = 3.0
PLAYER = "document.querySelector('[data-part=audio]')"
# A clip that is handed to the sound server to its end, seconds ahead, stands still for nobody.
SLOWLY = f"{PLAYER}.playbackRate = 0.25"


def events_of(server: Server, token: str, *kinds: str) -> list[EventRow]:
    """Return what is stored of these kinds of a participant's page."""
    return [event for event in stored(server, token, Results.events) if event.kind in kinds]


def to_the_volume(window: Window, server: Server, script: str = "") -> None:
    """Agree to take part; before that, a script may change how the page finds the world."""
    window.open(f"{server.url}/join")
    window.at("consent")
    window.ask(script)
    window.primary()
    window.at("sound_check")


def to_practice(window: Window, server: Server, script: str = "") -> None:
    """Go from the open link to the practice clip."""
    to_the_volume(window, server, script)
    window.click('[data-action="notes"]')
    window.primary()
    window.at("instructions")
    window.primary()
    window.on("Practice 1 of")
