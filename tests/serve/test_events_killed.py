"""Events that were answered 202 are there, once, whoever is killed meanwhile."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from recsys_cli.config.models import LiveConfig
from recsys_cli.live.opening import open_log
from serve.test_workers import eventually, workers

BATCH = 20
CLIENTS = 4


class Server:
    """A server with two workers, started again on the same port."""

    def __init__(self, root):
        self.root, self.port, self.process = root, "0", None

    def start(self):
        command = [sys.executable, "-m", "recsys_cli", "serve", "-w", str(self.root)]
        self.process = subprocess.Popen(
            [*command, "--port", self.port, "--workers", "2", "--dataset", "hm"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.port = str(urlsplit(self.process.stdout.readline().split()[-1]).port)

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def kill_a_worker(self, choose):
        for pid in workers(self.process)[: choose.randint(1, 2)]:
            os.kill(pid, signal.SIGKILL)


class Client(threading.Thread):
    """Sends batches, each until it is answered."""

    def __init__(self, name, server, done):
        super().__init__()
        self.name, self.server, self.done = name, server, done
        self.sent: list[str] = []
        self.refused: list[str] = []

    def run(self):
        number = 0
        while not self.done.is_set():
            ids = [f"{self.name}-{number}-{n}" for n in range(BATCH)]
            number += 1
            while not self.answered(ids):
                time.sleep(0.02)
            self.sent += ids

    def answered(self, ids) -> bool:
        events = [{"user": self.name, "item": each, "id": each} for each in ids]
        connection = http.client.HTTPConnection("127.0.0.1", int(self.server.port), timeout=30)
        try:
            with closing(connection):
                connection.request(
                    "POST",
                    "/events",
                    json.dumps({"events": events}),
                    {"Content-Type": "application/json"},
                )
                answer = connection.getresponse()
                told = answer.read()
        except (OSError, http.client.HTTPException):
            return False
        if answer.status not in (202, 503):
            self.refused.append(told.decode())
        return answer.status == 202


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kills", "least"), [(3, 1000), pytest.param(25, 10_000, marks=pytest.mark.long)]
)
def test_what_was_answered_is_there_once(workspace, kills, least):
    choose, done, server = random.Random(kills), threading.Event(), Server(workspace)
    server.start()
    clients = [Client(f"c{n}", server, done) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    log = open_log(workspace, LiveConfig())

    def kept() -> int:
        return sum(each.events for each in log.counts().values())

    try:
        for number in range(kills):
            before = kept()
            eventually(lambda before=before: kept() > before)
            time.sleep(choose.uniform(0, 0.5))
            if number % 2:
                server.kill_a_worker(choose)
            else:
                server.kill()
                server.start()
        eventually(lambda: kept() >= least)
    finally:
        done.set()
        for client in clients:
            client.join()
        server.kill()
    assert [client.refused for client in clients] == [[]] * CLIENTS
    there = Counter(event.id for event in log.export("hm"))
    log.close()
    assert there == Counter(each for client in clients for each in client.sent)
