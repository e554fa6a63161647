"""The verb state: what it does is said by status and stands in the log."""

from served import store_of, write_study

from app.cli import main


def test_a_study_is_paused_extended_and_launched_on_the_command_line(tmp_path, capsys):
    folder = write_study(tmp_path / "study", recruitment="target_participants: 3")
    capsys.readouterr()

    def say(*words: str) -> str:
        assert main([words[0], str(folder), *words[1:]]) == 0
        return capsys.readouterr().out

    assert say("state", "pause") == "listening: paused, for 3 participants\n"
    assert "earmark state" in say("status").splitlines()[0], "how it is opened again"
    assert say("state", "extend", "--by", "4") == "listening: paused, for 7 participants\n"
    assert say("state", "launch") == "listening: open, for 7 participants\n"
    assert "0 finished of 7 wanted" in say("status")
    for words, said in (
        (["launch"], "the study is open already"),
        (["extend"], "Say so with --by N"),
        (["close", "--by", "2"], "--by: belongs to extend, not to close"),
        (["extend", "--by", "100000"], "a study is for 1 to 100,000 participants"),
        (["extend", "--by", "-3"], "a study is for 1 to 100,000 participants"),
    ):
        assert main(["state", str(folder), *words]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    store = store_of(folder)
    assert [one.kind for one in store.actions.newest()] == ["launch", "extend", "pause"]
    store.close()
