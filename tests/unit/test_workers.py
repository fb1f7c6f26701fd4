"""The cap: half the cores, whatever was asked for."""

from __future__ import annotations

import os

import pytest

from vpo_tasks.workers import count_cores, get_max_workers, resolve_worker_count


@pytest.mark.parametrize(("cores", "cap"), [(1, 1), (2, 1), (3, 1), (4, 2), (7, 3), (32, 16)])
def test_the_cap_is_half_the_cores_and_at_least_one(cores, cap):
    assert get_max_workers(cores) == cap


def test_asking_for_less_than_the_cap_is_granted_without_a_word():
    assert resolve_worker_count(3, 32) == (3, 3, 16, 32, "")


def test_asking_for_more_gives_the_cap_and_names_both_numbers_and_the_cores():
    count = resolve_worker_count(16, 8)
    assert count.workers == 4
    assert "16" in count.warning
    assert "4" in count.warning
    assert "8 cores" in count.warning


def test_the_override_wins():
    assert count_cores(64) == 64


def test_without_a_quota_the_count_is_at_most_what_the_system_says(tmp_path):
    assert 1 <= count_cores(None, cgroup_root=str(tmp_path)) <= (os.cpu_count() or 1)


@pytest.fixture
def one_group(fs, monkeypatch):
    fs.create_file("/proc/self/cgroup", contents="0::/user/session\n")
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(48)), raising=False)
    return fs


def test_the_affinity_mask_counts(one_group):
    assert count_cores() == 48


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("250000 100000", 3), ("50000 100000", 1), ("max 100000", 48), ("junk", 48), ("", 48)],
)
def test_a_cgroup_quota_is_rounded_up(one_group, limit, cores):
    one_group.create_file("/sys/fs/cgroup/user/session/cpu.max", contents=limit)
    assert count_cores() == cores


def test_the_quota_of_a_group_above_counts_too(one_group):
    one_group.create_file("/sys/fs/cgroup/user/session/cpu.max", contents="900000 100000")
    one_group.create_file("/sys/fs/cgroup/user/cpu.max", contents="400000 100000")
    assert count_cores() == 4


def test_a_version_1_group_counts(fs, monkeypatch):
    fs.create_file("/proc/self/cgroup", contents="4:cpu,cpuacct:/box\n1:name=systemd:/x\n")
    fs.create_file("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", contents="150000\n")
    fs.create_file("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", contents="100000\n")
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)), raising=False)
    assert count_cores() == 2
