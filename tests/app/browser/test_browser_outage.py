"""The database is gone for a while as somebody answers: their page waits, and sends the answer once it is back."""

import pytest
from playwright.sync_api import expect


@pytest.mark.browser
@pytest.mark.sqlite
def test_an_answer_waits_for_the_database(server, visit, study):
    database = study / "study.db"
    anna = visit(server)
    anna.begin()
    anna.listen()
    anna.page.keyboard.press("5")
    database.rename(study / "gone.db")
    anna.page.keyboard.press("Enter")
    expect(anna.page.get_by_text("Your answer is kept here")).to_be_visible()
    with anna.page.expect_response(lambda answer: answer.url.endswith("/api/rate")) as again:
        pass  # it goes on trying
    assert again.value.status == 503
    anna.on("Practice 1 of 2")
    (study / "gone.db").rename(database)
    anna.on("Practice 2 of 2")
    assert [(row.score, row.flags) for row in anna.ratings()] == [(5, "")]
    anna.rate(2)
    anna.at("ready")
    assert [row.score for row in anna.ratings()] == [5, 2]
    assert anna.errors == []
