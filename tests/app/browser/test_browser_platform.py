"""Somebody from a recruiting platform, in a real browser: from the arrival to what they leave with."""

import pytest
from arriving import answer_questions, arrive, sessions, tell_apart, to_trials, token_of
from playwright.sync_api import expect
from visiting import PHONE, right_answers

pytestmark = pytest.mark.browser


def test_somebody_from_prolific_goes_all_the_way(full_house, visit):
    anna, tones = visit(full_house), []
    anna.page.on("request", lambda request: "/media/headphones/" in request.url and tones.append(request.url))
    arrive(anna, "anna")
    anna.primary()
    anna.at("questions")
    anna.primary()
    expect(anna.page.get_by_text("Please answer every question.")).to_be_visible()
    anna.shot("questions")
    answer_questions(anna)
    anna.at("sound_check")
    anna.shot("volume")
    anna.page.get_by_label("Volume").fill("0.6")
    anna.set_volume()
    anna.at("headphones")
    token = token_of(anna)
    right = right_answers(full_house, token)
    wrong = [(place + 1) % 3 for place in right]
    tell_apart(anna, wrong, "headphones")
    expect(anna.page.get_by_text("That was not quite it.")).to_be_visible()
    tell_apart(anna, right_answers(full_house, token, 1))
    assert len(tones) == len(set(tones)) == 12, "two tries of six sounds, each fetched once"
    anna.at("instructions")
    anna.primary()
    anna.on("Practice 1 of 1")
    anna.rate(3)
    anna.at("ready")
    anna.primary()
    # One prompt under three conditions, a mismatch, a repeat, tones to be counted.
    for number in range(1, 7):
        anna.on(f"Sound {number} of 6")
        anna.listen()
        assert anna.page.evaluate("document.querySelector('audio').volume") == pytest.approx(0.6)
        if number == 2:
            anna.page.get_by_label("A remark, if you like").fill("a bird? =1+1")
            anna.shot("remark")
        anna.page.locator('[data-part="prompt"]').click()
        anna.page.keyboard.press("4")
        anna.page.keyboard.press("Enter")
    anna.at("done")
    anna.shot("done-code")
    expect(anna.page.get_by_text("DONE7")).to_be_visible()
    link = anna.page.get_by_role("link", name="Finish and return")
    expect(link).to_have_attribute("href", "https://app.prolific.com/submissions/complete?cc=DONE7")
    row = sessions(full_house)["anna"]
    assert (row.outcome, row.source, row.trials, row.answered) == ("finished", "prolific", 6, 6)
    assert row.headphone_right == "0 6"
    assert (row.device, row.browser.split()[0], row.language, row.volume) == ("computer", "Chrome", "en", 0.6)
    assert '"age": "30_44"' in row.answers
    assert '"language": "Esperanto"' in row.answers
    assert [rating.comment for rating in anna.ratings() if rating.comment] == ["a bird? =1+1"]
    assert anna.errors == []


def test_one_person_is_one_session_on_every_device(full_house, visit):
    laptop, phone = visit(full_house), visit(full_house, PHONE)
    arrive(laptop, "bert")
    laptop.primary()
    laptop.at("questions")
    phone.open("/join?PROLIFIC_PID=bert")
    phone.at("questions")
    answer_questions(phone)
    phone.at("sound_check")
    laptop.page.reload()
    laptop.page.wait_for_function("window.__ready")
    laptop.at("sound_check")


def test_who_comes_without_an_identity_is_sent_to_the_platform(full_house, visit):
    anna = visit(full_house)
    anna.open("/join")
    anna.at("closed")
    expect(anna.page.get_by_text("This study is entered from the site that invited you.")).to_be_visible()


def test_a_panels_preview_shows_that_nobody_takes_part_by_it(full_house, visit):
    anna = visit(full_house, PHONE)
    anna.open("/join?PROLIFIC_PID={{%PROLIFIC_PID%}}")
    anna.at("preview")
    expect(anna.page.get_by_role("heading", name="This is a preview")).to_be_visible()
    anna.shot("preview")
    anna.page.reload()
    anna.at("preview")


def test_an_answer_that_does_not_fit_leads_out_kindly(full_house, visit):
    anna = visit(full_house)
    arrive(anna, "carla")
    anna.primary()
    anna.at("questions")
    answer_questions(anna, audio_work="yes")
    anna.at("done")
    anna.shot("screened-out")
    expect(anna.page.get_by_role("heading", name="Thank you for your interest")).to_be_visible()
    expect(anna.page.get_by_text("OUT7").first).to_be_visible()
    row = sessions(full_house)["carla"]
    assert (row.outcome, row.counted, row.answered) == ("screened_out", False, 0)


def test_a_refusal_has_a_code_and_stores_nothing(full_house, visit):
    anna = visit(full_house)
    arrive(anna, "dora")
    anna.page.get_by_role("button", name="No, thank you").click()
    expect(anna.page.get_by_text("NO7").first).to_be_visible()
    assert "dora" not in sessions(full_house)


def test_another_browser_of_one_identity_is_sent_back_to_the_first(full_house, visit):
    anna, phone = visit(full_house), visit(full_house, PHONE)
    to_trials(anna, "hans")
    phone.hurry()
    phone.open("/join?PROLIFIC_PID=hans")
    phone.at("trials")
    phone.page.goto(full_house.url + "/withdraw")
    expect(phone.page.get_by_text("You can do this in the browser in which you began")).to_be_visible()
    phone.page.get_by_role("button", name="Yes, delete everything").click()
    expect(phone.page.get_by_text("That is not the code that the last page showed.")).to_be_visible()
    phone.shot("elsewhere")
    phone.page.get_by_role("button", name="No, keep my answers").click()
    phone.at("trials")
    phone.rate(4)
    phone.on("Sound 2 of 6")
    expect(phone.page.get_by_role("button", name="Back to the previous answer")).to_be_hidden()


def test_everything_can_be_deleted(full_house, visit):
    anna = visit(full_house)
    to_trials(anna, "gina")
    anna.rate(4)
    anna.on("Sound 2 of 6")
    assert "gina" in sessions(full_house)
    anna.page.goto(full_house.url + "/withdraw")
    expect(anna.page.get_by_role("heading", name="Delete all your answers?")).to_be_visible()
    anna.shot("withdraw")
    anna.page.get_by_role("button", name="No, keep my answers").click()
    anna.on("Sound 2 of 6")
    anna.page.goto(full_house.url + "/withdraw")
    anna.page.get_by_role("button", name="Yes, delete everything").click()
    anna.at("withdrawn")
    assert "gina" not in sessions(full_house)
    assert not [cookie for cookie in anna.context.cookies() if cookie["name"].startswith("earmark")]
