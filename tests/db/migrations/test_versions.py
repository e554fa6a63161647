"""Every version of the schema that was released, with rows in it, brought to the newest one and back."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Boolean, DateTime, Float, Integer, MetaData, String, create_engine, inspect, select
from sqlalchemy.engine import URL, Connection

from db import open_engine
from db.engine import MIGRATIONS
from db.tables import Base

VERSIONS = [one.revision for one in reversed(list(ScriptDirectory(str(MIGRATIONS)).walk_revisions()))]
ROWS = 6


def move(url: URL, step, version: str) -> None:
    """Bring a database up or down to a version."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        step(config, version)
    engine.dispose()


def fill(url: URL, rng: random.Random) -> None:
    """Store random rows in every table, as its columns and references allow."""
    engine, metadata = create_engine(url), MetaData()
    with engine.begin() as connection:
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            if table.name == "alembic_version":
                continue
            for number in range(1, ROWS + 1):
                connection.execute(table.insert().values(_row(connection, table, number, rng)))
    engine.dispose()


def _row(connection: Connection, table, number: int, rng: random.Random) -> dict:
    """Make a row: what refers to others to the one of its number, so that nothing comes twice that may not."""
    row = {}
    for column in table.columns:
        kind = column.type
        if column.nullable and rng.random() < 0.3 and column.name != "score":
            row[column.name] = None
        elif column.foreign_keys or column.name == "id" or column.name in ("number", "position", "place"):
            row[column.name] = number
        elif isinstance(kind, JSON):
            row[column.name] = rng.choice([{"type": "acr", "n": rng.random()}, [1, None, "ü"], {}])
        elif isinstance(kind, DateTime):
            moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(10**7))
            row[column.name] = moment if connection.dialect.name == "postgresql" else moment.replace(tzinfo=None)
        elif isinstance(kind, Boolean):
            row[column.name] = rng.random() < 0.5
        elif isinstance(kind, Float):
            row[column.name] = rng.random()
        elif isinstance(kind, Integer):
            row[column.name] = rng.randrange(1, 6) if column.name == "score" else number * 1000 + rng.randrange(1000)
        else:
            assert isinstance(kind, String)
            row[column.name] = f"{number}{rng.choice('äö日x')}"
    return row


def rows(url: URL) -> dict[str, list[dict]]:
    """Read everything."""
    engine, metadata, found = create_engine(url), MetaData(), {}
    with engine.connect() as connection:
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            if table.name != "alembic_version":
                read = connection.execute(select(table)).mappings()
                found[table.name] = sorted(map(dict, read), key=lambda row: json.dumps(row, default=str))
    engine.dispose()
    return found


def shape(url: URL) -> dict[str, dict]:
    """Describe all tables: columns with their types, keys, indexes and what must be unique."""
    engine = create_engine(url)
    seen, found = inspect(engine), {}
    for name in seen.get_table_names():
        columns = {
            one["name"]: (one["type"]._type_affinity.__name__, getattr(one["type"], "length", None), one["nullable"])
            for one in seen.get_columns(name)
        }
        references = {
            (one["name"], *one["constrained_columns"], one["referred_table"], one["options"].get("ondelete"))
            for one in seen.get_foreign_keys(name)
        }
        alike = {(one["name"], *one["column_names"]) for one in seen.get_unique_constraints(name)}
        indexes = {(one["name"], *one["column_names"], bool(one["unique"])) for one in seen.get_indexes(name)}
        key = seen.get_pk_constraint(name)
        found[name] = {"columns": columns, "references": references, "unique": alike, "indexes": indexes, "key": key}
    engine.dispose()
    found.pop("alembic_version", None)
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_brought_up_to_date_and_back_with_all_that_it_holds(bare, version, seed):
    move(bare, command.upgrade, version)
    fill(bare, random.Random(seed))
    before, began = rows(bare), shape(bare)
    open_engine(bare).dispose()
    after = rows(bare)
    for table, held in before.items():
        kept = [{name: row[name] for name in held[0]} for row in after[table]]
        changed = {"seen_at", "outcome"} if version == "0001" else set()
        assert without(kept, changed) == without(held, changed), table
    assert all(held for table, held in after.items() if table in before)
    move(bare, command.downgrade, version)
    assert rows(bare) == before
    assert shape(bare) == began
    open_engine(bare).dispose()
    assert rows(bare) == after, "a second time"


def without(held: list[dict], names: set[str]) -> list[dict]:
    left = [{name: value for name, value in row.items() if name not in names} for row in held]
    return sorted(left, key=lambda row: json.dumps(row, default=str))


def test_answers_that_an_older_version_cannot_hold_do_not_stand_in_its_way(bare, seed):
    open_engine(bare).dispose()
    fill(bare, random.Random(seed))
    engine = create_engine(bare)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE rating SET score = NULL WHERE id = 1")
    engine.dispose()
    move(bare, command.downgrade, "0001")
    assert {row["id"] for row in rows(bare)["rating"]} == set(range(2, ROWS + 1))
    open_engine(bare).dispose()
    move(bare, command.downgrade, "base")
    assert shape(bare) == {}


def test_a_new_database_is_the_one_that_the_code_describes(bare):
    """The migrations, from whichever version, end in the tables of db/tables.py."""
    move(bare, command.upgrade, "head")
    migrated = shape(bare)
    move(bare, command.downgrade, "base")
    engine = create_engine(bare)
    Base.metadata.create_all(engine)
    engine.dispose()
    described = shape(bare)
    assert migrated.keys() == described.keys()
    for table, parts in described.items():
        assert migrated[table] == parts, table
