"""A local COS with a stopped clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.cos.service import CosService
from local.cos.store import CosStore
from tests.support.cos import NOW, Client


@pytest.fixture
def store(tmp_path: Path) -> CosStore:
    return CosStore(tmp_path, clock=lambda: NOW * 10**9)


@pytest.fixture
def service(store: CosStore) -> CosService:
    return CosService(store, clock=lambda: NOW)


@pytest.fixture
def client(service: CosService, store: CosStore) -> Client:
    return Client(service, store=store)
