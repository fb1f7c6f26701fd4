"""How loader, backend and reporter find the library that was opened."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from vpo_tasks.doit_plugin import host
from vpo_tasks.errors import UsageError


def test_without_a_library_a_person_is_led_to_the_dodo_file(monkeypatch):
    monkeypatch.setattr(host, "_hosts", [])
    with pytest.raises(UsageError, match="vpo init"):
        host.current_host()


def test_the_library_opened_last_is_the_one(monkeypatch):
    monkeypatch.setattr(host, "_hosts", [])
    for opened in (SimpleNamespace(), SimpleNamespace()):
        host.set_host(cast("host.Host", opened))
        assert host.current_host() is opened
