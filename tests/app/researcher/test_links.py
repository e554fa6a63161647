"""Personal links: whom they are for is the researcher's to know, and those that nobody used can be taken back."""

import csv
import io
import random
import re

from fastapi.testclient import TestClient
from served import CONDITIONS
from standing_in import HOSTILE, log_in, take_part

WHOM = f"=Berta & Söhne {HOSTILE[:40]}"


def made(client: TestClient, count: int, whom: str) -> list[str]:
    page = client.post("/admin/people", data={"do": "make", "count": str(count), "label": whom}).text
    return re.findall(r"http://testserver(/p/[\w-]+)\n?", page.partition("<textarea")[2].partition("</textarea>")[0])


def rows(client: TestClient) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get("/admin/links.csv").text)))


def test_whom_a_link_is_for_is_told_to_researchers_alone(client, seed):
    rng, study = random.Random(seed), log_in(client).app.state.study
    links = made(client, 3, f"  {WHOM}\x00\n")
    assert len(set(links)) == 3
    assert made(client, 1, "") != []
    listed = rows(client)
    assert [row["for"] for row in listed] == [f"'{WHOM}"] * 3 + [""], "and a spreadsheet computes none of it"
    assert [row["link"] for row in listed[:3]] == [f"http://testserver{link}" for link in links]
    assert {row["stage"] for row in listed} == {"invited"}
    page = client.get("/admin/people").text
    assert "for =Berta &amp; Söhne" in page
    assert "<img" not in page
    visitor = TestClient(client.app, follow_redirects=True)
    visitor.get(rng.choice(links))
    visitor.post("/api/step", json={"page": "consent"})
    told = [visitor.get(path).text for path in ("/api/state", "/study/")]
    kept = [client.get(f"/admin/{name}").text for name in ("sessions.csv?identities=true", "export.csv", "actions.csv")]
    assert not [text for text in told + kept if "Berta" in text], "the log of actions keeps every word for good"
    assert study.store.results.progress()[0].label == WHOM


def test_a_link_that_nobody_used_can_be_taken_back(client, seed):
    rng, study = random.Random(seed), log_in(client).app.state.study
    take_part(study, answers=1)  # P001, by a personal link
    links = made(client, 6, "row 3")
    gone = sorted(rng.sample(range(6), 3))
    codes = [f"P{number + 2:03d}" for number in gone]
    answer = client.post("/admin/people", data={"do": "revoke", "codes": f"{', '.join(codes)} P001 P099"})
    assert f"{', '.join(codes)}: revoked" in answer.text
    assert "No unused personal link of P001, P099" in answer.text
    for number, link in enumerate(links):
        visitor = TestClient(client.app, follow_redirects=False)
        assert visitor.get(link).status_code == (404 if number in gone else 303)
    listed = {row["participant"]: row for row in rows(client)}
    assert all(listed[code] == {"participant": code, "for": "", "stage": "revoked", "link": ""} for code in codes)
    assert listed["P001"]["link"]
    assert "3 revoked" in client.get("/admin/people").text
    assert [one.detail for one in study.store.actions.newest() if one.kind == "revoke"] == [{"participants": codes}]
    assert client.post("/admin/people", data={"do": "revoke", "codes": "; DROP"}).status_code == 422
    assert client.post("/admin/people", data={"do": "revoke", "codes": codes[0]}).status_code == 200
    assert not [condition for condition in CONDITIONS if condition in answer.text]


def test_the_owners_page_does_the_same(client):
    log_in(client)
    shown = client.post("/admin/gradio_api/run/make", json={"data": [2, "row 7"]}).json()["data"][0]
    assert len(set(re.findall(r"/p/[\w-]+", str(shown)))) == 2
    assert [row["for"] for row in rows(client)] == ["row 7"] * 2
    said = client.post("/admin/gradio_api/run/revoke", json={"data": ["P002"]}).json()["data"]
    assert said[0] == ""
    assert "P002: revoked" in str(said[1])
    said = client.post("/admin/gradio_api/run/revoke", json={"data": ["<b>"]}).json()["data"]
    assert said[0] == "<b>"
    assert "<b>:" not in str(said[1])
    assert [row["stage"] for row in rows(client)] == ["invited", "revoked"]
