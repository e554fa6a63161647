"""Somebody from a recruiting platform, on the way through the pages before the trials."""

from playwright.sync_api import expect
from served import Server, store_of
from visiting import right_answers

SESSION = (
    "headphone_check: antiphase, practice: 1, prompts_per_participant: 1, attention_checks: 1, repeats: 1, "
    "instructed_checks: 1, go_back: true, comments: true, allowed_failures: 9"
)
RECRUITMENT = (
    "platform: prolific, codes: {finished: DONE7, screened_out: OUT7, no_consent: NO7}, eligibility: true, "
    "demographics: [age, language]"
)


def arrive(anna, name: str) -> None:
    anna.hurry()
    anna.open(f"/join?PROLIFIC_PID={name}&STUDY_ID=s1&SESSION_ID=t1")
    anna.at("consent")


def answer_questions(anna, **other: str) -> None:
    """Answer as somebody who may take part, but for what is given."""
    for name, value in {"hearing": "yes", "audio_work": "no", "recent_test": "no", "heard_before": "no"}.items():
        anna.page.locator(f'input[name="{name}"][value="{other.get(name, value)}"]').check()
    anna.page.locator('input[name="age"][value="30_44"]').check()
    anna.page.get_by_label("What is your first language?").fill("Esperanto")
    anna.primary()


def tell_apart(anna, answers: list[int], shot: str = "", *, counted: bool = True) -> None:
    """Answer a try at the headphone check."""
    for number, place in enumerate(answers, 1):
        if counted:
            expect(anna.page.locator('[data-part="facts"]')).to_have_text(f"{number} of 6")
        choices = anna.page.locator('[data-part="choices"] button')
        expect(choices.nth(place)).to_have_attribute("aria-disabled", "true")
        anna.page.locator('[data-action="notes"]').click()
        expect(choices.nth(place)).to_have_attribute("aria-disabled", "false")
        if shot and number == 1:
            anna.shot(shot)
        choices.nth(place).click()


def token_of(anna) -> str:
    return next(cookie["value"] for cookie in anna.context.cookies() if cookie["name"].split(".")[0] == "earmark")


def sessions(server: Server):
    store = store_of(server.folder)
    rows = {row.external_id: row for row in store.results.sessions()}
    store.close()
    return rows


def to_trials(anna, name: str) -> None:
    """Go from the arrival to the first trial."""
    arrive(anna, name)
    anna.primary()
    anna.at("questions")
    answer_questions(anna)
    anna.at("sound_check")
    anna.set_volume()
    anna.at("headphones")
    tell_apart(anna, right_answers(anna.server, token_of(anna)))
    anna.at("instructions")
    anna.primary()
    anna.at("practice")
    anna.on("Practice 1 of 1")
    anna.rate(3)
    anna.at("ready")
    anna.primary()
    anna.at("trials")
