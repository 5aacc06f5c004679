"""A collector at a free port, with a broker of its own."""

import socket
import threading
import time
import uuid

import pytest
import uvicorn
from confluent_kafka import Producer
from fastapi import FastAPI

from pipeline.kit.admin import ensure_topics
from pipeline.kit.broker import EmbeddedBroker
from pipeline.kit.clients import producer_config
from pipeline.kit.config import Settings
from pipeline.sources import collector


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker.start() as running:
        yield running


@pytest.fixture
def settings(broker, tmp_path):
    made = Settings(
        bootstrap=broker.bootstrap, prefix=f"c{uuid.uuid4().hex[:8]}-", data_dir=tmp_path, message_limit=20_000
    )
    ensure_topics(made)
    return made


@pytest.fixture
def address(settings):
    app = FastAPI()
    app.include_router(collector.router(settings, Producer(producer_config(settings)), lambda _: "ana@example.com"))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
