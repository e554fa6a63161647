"""A phone as far as Chromium can be one: its volume is its buttons', its processor slow, its connection 400 kbit/s."""

import json
import time

import pytest
from longer import events_of
from playwright.sync_api import expect
from served import SECONDS, Server
from visiting import PHONE, SMALL_PHONE, WITHOUT_LENGTH

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

# Apple's phones read 1 whatever is set; since iOS 15 some read what was set until the next turn.
READ_ONLY = "Object.defineProperty(HTMLMediaElement.prototype, 'volume', { get: () => 1, set: () => {} });"
FORGETFUL = """
  let set = 1;
  Object.defineProperty(HTMLMediaElement.prototype, "volume", {
    get: () => set,
    set: (value) => {
      set = value;
      setTimeout(() => (set = 1));
    },
  });
"""
BUTTONS = "On this device the page cannot set the volume: use the volume buttons of the device or of your headphones."


@pytest.mark.parametrize(("script", "size"), [(READ_ONLY, PHONE), (FORGETFUL, SMALL_PHONE)])
def test_where_the_buttons_set_the_volume_the_page_says_so(house: Server, visit, script: str, size):
    anna = visit(house, size)
    anna.context.add_init_script(script)
    anna.open()
    anna.primary()
    anna.at("sound_check")
    expect(anna.page.locator('[data-part="note"]')).to_have_text(BUTTONS)
    expect(anna.page.locator('[data-part="volume"]')).to_be_hidden()
    anna.shot(f"volume-buttons-{size[0]}")
    anna.set_volume()
    anna.at("instructions")
    expect(anna.page.locator('[data-part="note"]')).not_to_contain_text(BUTTONS)
    assert len(events_of(house, anna.token(), "no_volume")) == 1
    assert anna.session().volume is None
    assert anna.errors == []


def test_where_the_page_sets_the_volume_it_is_stored(house: Server, visit):
    anna = visit(house, PHONE)
    anna.open()
    anna.primary()
    anna.at("sound_check")
    expect(anna.page.locator('[data-part="note"]')).to_be_empty()
    anna.page.get_by_label("Volume").fill("0.4")
    anna.set_volume()
    anna.at("instructions")
    assert anna.session().volume == 0.4
    assert events_of(house, anna.token(), "no_volume") == []


def test_a_slow_phone_on_a_slow_line_hears_each_sound_once(house: Server, visit):
    anna = visit(house, PHONE)
    anna.context.add_init_script(READ_ONLY)
    anna.context.add_init_script(WITHOUT_LENGTH)
    devtools = anna.context.new_cdp_session(anna.page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    line = {"offline": False, "latency": 150, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", line)
    anna.page.set_default_timeout(120_000)
    began = time.monotonic()
    anna.open()
    print(f"the page is there after {time.monotonic() - began:.1f} s")
    anna.begin()
    anna.practise()
    for number, score in enumerate((5, 1), 1):
        anna.on(f"Sound {number} of 15")
        anna.rate(score, mouse=number == 2)
    anna.on("Sound 3 of 15")
    rows = anna.ratings()
    assert [row.score for row in rows] == [3, 3, 5, 1]
    assert [row.plays for row in rows] == [1] * 4
    heard = [row.heard_seconds for row in rows]
    assert all(0.9 * SECONDS <= seconds <= 1.1 * SECONDS for seconds in heard), heard
    ended = [json.loads(event.detail) for event in events_of(house, anna.token(), "ended") if event.position]
    assert [one["whole"] for one in ended] == [True] * 4
    assert events_of(house, anna.token(), "no_output", "error") == []
    assert anna.errors == []
