"""An older database is brought to today's schema with all that it knows; all SQL follows one pattern.

`schema_5.sql` is a database that commit 9b8bef9 filled: a run that encoded three videos of `/films`, failed with one and
missed one, and a run into `/films-out`.
"""

from __future__ import annotations

import ast
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.records import known_videos
from vpo_tasks.media.identity import Identity
from vpo_tasks.state import schema
from vpo_tasks.state.failures import Failures
from vpo_tasks.state.library_digest import LibraryDigests
from vpo_tasks.state.measurements import Measurements, Speed
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.schema import SCHEMA_VERSION, VIDEO_TABLES, upgrade
from vpo_tasks.state.store import Move, Store
from vpo_tasks.state.undo_folders import UndoFolders
from vpo_tasks.state.up_to_date import RecordedState

PACKAGE = Path(__file__).parents[3] / "vpo_tasks"
FILMS = (b"/films/flags.mkv", b"/films/gone.mkv", b"/films/remux.mkv", b"/films/right.mkv")
DIGEST = bytes.fromhex("BA940FCD01BDE14B616FF7839497F233")
IDENTITY = Identity(65024, 1482761, 24028, 1795659655570041970)


@pytest.fixture
def old(tmp_path: Path) -> str:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript((Path(__file__).parent / "schema_5.sql").read_text())
    return str(path)


def version_of(path: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def rows_of(path: str) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows by table, whatever the version calls it."""
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        now = {"paces": "speeds", "seals": "library_digests"}
        return {now.get(name, name): connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


def not_asked() -> str:
    pytest.fail("what policies need was kept, and is asked for again")


def assert_all_is_known(pool: DaemonConnectionPool) -> None:
    store, measurements = Store(pool), Measurements(pool)
    known = known_videos(store, b"/films")
    assert set(known) == set(FILMS)
    assert known[FILMS[0]] == (*IDENTITY[:4], DIGEST)
    assert {path: media.tracks[0].codec for path, media in store.stored_media(FILMS)} == dict.fromkeys(
        FILMS, "h264"
    )
    details = store.details(FILMS[0])
    assert details is not None
    assert details.media is not None
    assert [track.language for track in details.media.tracks] == ["und", "eng", "ger"]
    assert details[1:] == (
        bytes.fromhex("551D9BEB06C262FD0F91A7CC7A6470E7"), "unchanged", None, 1795659659.804085
    )  # fmt: skip
    assert store.targets_of(FILMS[3]) == {
        b"/films-out/right.mkv": (65024, 11599878, 13799, 1795659655626041972, DIGEST)
    }
    stamp = store.policy_stamp(b"/films/policy.yaml")
    assert stamp is not None
    assert stamp[2:] == ("films", "skip")
    assert store.doit_values("/films|other") == {"_values_:": "{}"}
    (path, failure), *others = Failures(pool).all().items()
    assert (path, others) == (b"/films/broken.mkv", [])
    assert failure.identity == (65024, 1482758, 284, 1795659655658367953, 1795659655658367953)
    assert (failure.digest, failure.kind, failure.error) == (DIGEST, "ProbeError", "is damaged at byte 10087")
    assert failure.circumstances.endswith("vpo=0.1.0")
    assert Store(pool).vanished_below(b"/films") == {b"/films/gone.mkv": 1795659675.696229}
    assert measurements.encoders(b"/usr/bin/ffmpeg", 1778678620000000000, 293288) == frozenset(
        {"aac", "flac", "libopus", "libx264", "libx265"}
    )
    needs = store.policy_needs(bytes.fromhex("26B19F3028DEA9A7D433930844DE710F"), not_asked)
    assert needs == "h264 1 libx264 h264_nvenc h264_qsv h264_vaapi h264_videotoolbox"
    assert measurements.larger(FILMS) == {b"/films/right.mkv": frozenset({"av1 slow 30 720"})}
    assert measurements.speeds() == {
        Speed("encode", "h264", "medium", 480): (1.025865, 0.9124819996805635, 88314.982, 38461.414)
    }
    assert UndoFolders(pool).folders() == [b"/films"]
    kept = pool.execute_read("SELECT root, digest, videos, library_digest FROM library_digests")
    assert kept == [(b"/films", DIGEST, 4, bytes.fromhex("909E1CB15C50515CDBCA0BBD5CF3F189"))]
    assert LibraryDigests(pool).find(b"/films", DIGEST) == kept[0][2:]
    assert LibraryDigests(pool)._make(b"/films", DIGEST) == kept[0][2:]


def test_what_an_older_database_knows_is_still_known(old):
    before = rows_of(old)
    assert version_of(old) == 5
    with DaemonConnectionPool(old) as pool:
        assert_all_is_known(pool)
        Store(pool).invalidate(FILMS[0])
        assert pool.execute_read("SELECT root FROM library_digests") == []  # by the new triggers
    assert version_of(old) == SCHEMA_VERSION
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("UPDATE videos SET digest = ? WHERE path = ?", (DIGEST, FILMS[0]))
        connection.commit()
    assert {
        **rows_of(old),
        "library_digests": before["library_digests"],
        "targets": before["targets"],
    } == before


def test_an_upgraded_database_has_the_tables_of_a_new_one(old, tmp_path):
    def layout(path: str) -> dict[str, list[tuple[object, ...]]]:
        with DaemonConnectionPool(path) as pool:
            names = [row[0] for row in pool.execute_read("SELECT name FROM sqlite_master ORDER BY name")]
            return {name: pool.execute_read(f"PRAGMA table_info({name})") for name in names}

    assert layout(old) == layout(str(tmp_path / "new" / "state.db"))


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_tables_that_an_older_version_lacked_are_made(old, version):
    lacked = {
        5: ("seals",),
        4: ("undo_folders",),
        3: ("paces", "larger", "needs", "encoders"),
        2: ("vanished",),
    }
    with closing(sqlite3.connect(old)) as connection:
        for name in ("new_record", "changed_record", "lost_record"):
            connection.execute(f"DROP TRIGGER {name}_breaks_seals")
        for since, names in lacked.items():
            for name in names if since > version else ():
                connection.execute(f"DROP TABLE {name}")
        connection.execute(f"PRAGMA user_version={version}")
    with DaemonConnectionPool(old, read_only=True) as pool:
        assert set(known_videos(Store(pool))) == set(FILMS)
    with DaemonConnectionPool(old) as pool:
        assert set(known_videos(Store(pool))) == set(FILMS)
        assert Measurements(pool).overall_speed() is not None
        assert LibraryDigests(pool).find(b"/films", DIGEST).videos == 4


def test_a_dry_run_reads_an_older_database_and_leaves_it_alone(old, tmp_path):
    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    before = files()
    with DaemonConnectionPool(old, read_only=True) as pool:
        Store(pool).forget(FILMS[0])
        assert_all_is_known(pool)
        assert files() == before
    assert files() == before
    assert version_of(old) == 5


class _Killed(sqlite3.Connection):
    """A connection whose process is killed before its nth statement."""

    left = 0

    def execute(self, sql, parameters=(), /):
        _Killed.left -= 1
        if _Killed.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(sql, parameters)


def test_a_killed_upgrade_leaves_the_old_database_or_the_new_one(old):
    before = rows_of(old)
    versions = []
    for statement in range(1, 100):
        child = os.fork()
        if child == 0:
            try:
                _Killed.left = statement
                upgrade(sqlite3.connect(old, isolation_level=None, factory=_Killed))
            finally:
                os._exit(0)
        killed = os.waitpid(child, 0)[1] == signal.SIGKILL
        versions.append(version_of(old))
        assert rows_of(old).items() >= before.items()
        if not killed:
            break
    assert len(versions) > len(schema.MIGRATIONS[6])
    assert versions == [5] * (len(versions) - 1) + [SCHEMA_VERSION]
    with DaemonConnectionPool(old) as pool:
        assert_all_is_known(pool)


def test_a_second_upgrade_finds_nothing_to_do(old):
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        upgrade(connection)
        upgrade(connection)  # as by a process that looked at the version before the first was done
    with DaemonConnectionPool(old) as pool:
        assert_all_is_known(pool)


NOT_OF_A_VIDEO = {"policies", "encoders", "needs", "speeds", "undo_folders", "library_digests", "doit"}


def wrongly_listed(connection: sqlite3.Connection) -> set[str]:
    """Return the tables in which VIDEO_TABLES is not what the schema says."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    naming = connection.execute(
        "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
        " WHERE m.type = 'table' AND c.name IN ('path', 'source')"
    )
    listed = {(table.name, table.column) for table in VIDEO_TABLES}
    return {name for name, _ in set(naming) ^ listed} | tables - NOT_OF_A_VIDEO - {name for name, _ in listed}


@pytest.mark.parametrize("column", ["path", "source", "film"])
def test_every_table_with_something_of_a_video_is_in_the_list(column):
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        upgrade(connection)
        assert wrongly_listed(connection) == set()
        connection.execute(f"CREATE TABLE made_up ({column} BLOB PRIMARY KEY, fact TEXT)")
        assert wrongly_listed(connection) == {"made_up"}


@pytest.fixture
def made_up(monkeypatch, tmp_path) -> Iterator[DaemonConnectionPool]:
    """A database with one more table that holds something of a video."""
    table = "CREATE TABLE IF NOT EXISTS made_up (path BLOB PRIMARY KEY, fact TEXT);\n"
    monkeypatch.setattr(schema, "DDL", schema.DDL + table)
    monkeypatch.setattr(schema, "VIDEO_TABLES", (*VIDEO_TABLES, schema.VideoTable("made_up")))
    monkeypatch.setattr("vpo_tasks.state.store.VIDEO_TABLES", schema.VIDEO_TABLES)
    with DaemonConnectionPool(str(tmp_path / "state.db")) as pool:
        for name in (b"/m/a.mkv", b"/m/b.mkv", b"/m/c.mkv", b"/n/d.mkv"):
            pool.execute_write("INSERT INTO made_up (path, fact) VALUES (?, ?)", (name, name.decode()[3]))
        yield pool


def test_a_table_in_the_list_is_forgotten_with_its_video(made_up):
    Store(made_up).forget(b"/m/a.mkv", b"/m/b.mkv")
    assert made_up.execute_read("SELECT fact FROM made_up") == [("c",), ("d",)]
    Store(made_up).forget_below(b"/m")
    assert made_up.execute_read("SELECT fact FROM made_up") == [("d",)]


def test_a_table_in_the_list_follows_its_video(made_up):
    record = RecordedState.of(IDENTITY, DIGEST)
    Store(made_up).carry_out_moves(
        [Move(b"/m/a.mkv", b"/m/b.mkv", IDENTITY, record), Move(b"/m/b.mkv", b"/m/e.mkv", IDENTITY, record)]
    )
    rows = made_up.execute_read("SELECT path, fact FROM made_up ORDER BY path")
    assert rows == [(b"/m/b.mkv", "a"), (b"/m/c.mkv", "c"), (b"/m/e.mkv", "b"), (b"/n/d.mkv", "d")]


SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE FROM|REPLACE|CREATE|ALTER|DROP|PRAGMA|BEGIN|ATTACH|WITH) ")
UNNAMED = re.compile(r"SELECT (\w+\.)?\*|INTO \w+ VALUES|NATURAL JOIN|ORDER BY \d")


def texts_of(source: str) -> list[str]:
    """Return the string literals of a module, docstrings left out; what an f-string puts in is `x`."""
    tree = ast.parse(source)
    inner = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            texts.append(
                "".join(
                    str(getattr(part, "value", "x")) if isinstance(part, ast.Constant) else "x"
                    for part in node.values
                )
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inner:
            texts.append(node.value)
    return texts


def test_sql_stands_in_the_state_package_and_names_its_columns():
    for path in PACKAGE.rglob("*.py"):
        texts = texts_of(path.read_text())
        if path.parent.name == "state":
            assert not [text for text in texts if UNNAMED.search(text)], path
        else:
            assert not [text for text in texts if SQL.match(text)], path
            assert "sqlite3" not in path.read_text().replace("# sqlite3", ""), path


def test_the_sql_test_sees_sql():
    source = 'a = f"SELECT * FROM {b}"\nc = "INSERT INTO t VALUES (?)"\nd = "Select one"\n'
    texts = texts_of(source)
    assert texts == ["SELECT * FROM x", "INSERT INTO t VALUES (?)", "Select one"]
    assert [bool(SQL.match(text)) for text in texts] == [True, True, False]
    assert [bool(UNNAMED.search(text)) for text in texts] == [True, True, False]
