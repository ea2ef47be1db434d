from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData
from sqlalchemy.engine import Connection

from appliance.storage import tables
from appliance.storage.engine import Database
from tests.unit.storage.made import sql


def test_the_migrations_make_what_the_tables_say(database: Database) -> None:
    """Nothing is defined here and missing there, or the other way round."""

    def differences(connection: Connection) -> list[object]:
        every = MetaData()
        for metadata in tables.GROUPS.values():
            for table in metadata.tables.values():
                table.to_metadata(every)
        return list(compare_metadata(MigrationContext.configure(connection), every))

    assert database.run(differences) == []


def test_the_layouts_have_their_numbers(database: Database) -> None:
    versions = dict(sql(database, "select table_name, table_version from version"))
    assert versions["subscriber"] == 6
    assert versions["location"] == versions["aliases"] == 1004
    assert len(versions) == 41  # all but `version` itself


def test_every_row_may_be_inserted_with_the_columns_that_matter(database: Database) -> None:
    """OpenSER's statements name few columns; the rest have defaults."""
    for group in tables.GROUPS:
        for table in tables.tables_of(group):
            if table.name not in ("version", "change_log"):
                sql(database, f"insert into `{table.name}` default values")


def test_ids_of_subscribers_begin_at_two_and_are_not_given_again(database: Database) -> None:
    sql(database, "insert into subscriber (username) values ('10')")
    sql(database, "delete from subscriber")
    sql(database, "insert into subscriber (username) values ('11')")
    assert sql(database, "select id, username from subscriber") == [(3, "11")]


def test_the_seeds_statements_run_here_too(database: Database) -> None:
    sql(database, "insert into subscriber (username,password) VALUES ('10','abc10');")
    sql(database, "insert into subscriber (username,password) VALUES ('20','abc20');")
    assert sql(database, "select id,username,password from subscriber where id='2';") == [(2, "10", "abc10")]
    sql(database, "update subscriber set phplib_id='070418-1235-aa' where id='2';")
    assert sql(database, "select phplib_id from subscriber where username='10'") == [("070418-1235-aa",)]
    assert sql(database, "select username,contact,user_agent from location;") == []
