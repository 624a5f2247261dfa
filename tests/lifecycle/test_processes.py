"""Fork, spawn and threads after use: every process and thread gets the same bits, and none hangs."""

from __future__ import annotations

from programs import output, run

EXPECTED = "print(digest(1))"

FORK = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")  # newer Pythons warn of any fork of a process with threads; here it is the point
before = digest(4)
read, write = os.pipe()
child = os.fork()
if child == 0:
    signal.alarm(30)
    os.write(write, digest(4).encode())
    grandchild = os.fork()
    if grandchild == 0:
        signal.alarm(30)
        os.write(write, digest(2).encode())
        os._exit(0)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) & 255)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 0, status
text = os.read(read, 1000).decode()
print(before, text[:64], text[64:], digest(4))
"""

FORK_WHILE_BUSY = """
import os, signal, threading, warnings
warnings.simplefilter("ignore")
stop = False
def work():
    while not stop:
        digest(4)
threads = [threading.Thread(target=work) for _ in range(2)]
for t in threads: t.start()
expected = digest(1)
for _ in range(5):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        os._exit(0 if digest(4) == expected else 3)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, status
stop = True
for t in threads: t.join()
print("ok")
"""

THREADS = """
from concurrent.futures import ThreadPoolExecutor
digest(4)
with ThreadPoolExecutor(8) as pool:
    print(*sorted(set(pool.map(lambda i: digest(1 + i % 4), range(24)))))
"""

FLUSHED = """
import torch
x = inputs()
torch.set_flush_denormal(True)
assert torch.tensor(1e-40).mul(1).item() == 0
print(digest(1, x), digest(4, x))
import threading
results = []
def work():
    torch.set_flush_denormal(True)
    results.append(digest(4, x))
t = threading.Thread(target=work); t.start(); t.join()
assert torch.tensor(1e-40).mul(1).item() == 0, "the caller's mode was changed"
print(*results)
"""

# No forced switches: the counting thread runs only when the main thread gives the interpreter up by itself. It does so
# inside the call, or not between the two readings.
GIL = """
import sys, threading, time
sys.setswitchinterval(1000)
count = 0
stop = False
def work():
    global count
    while not stop:
        count += 1
        time.sleep(0.001)
t = threading.Thread(target=work); t.start()
x = np.random.default_rng(0).normal(size=(40000, 49, 2))
kt.fit_kinematics(x[:1])
before = count
pass; pass; pass
unchanged = count
kt.fit_kinematics(x, robust="tukey", num_threads=1)
after = count
stop = True
t.join()
print(unchanged - before, after > before)
"""


def test_fork_after_use() -> None:
    assert output(FORK).split() == [output(EXPECTED)] * 4


def test_fork_while_other_threads_compute() -> None:
    assert output(FORK_WHILE_BUSY) == "ok"


def test_spawn_after_use(tmp_path: object) -> None:
    import multiprocessing

    import spawned

    expected = output(EXPECTED)
    assert spawned.digest() == expected
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map_async(spawned.digest_of, range(4)).get(timeout=120) == [expected] * 4


def test_eight_threads_after_use() -> None:
    assert output(THREADS) == output(EXPECTED)


def test_flush_to_zero_of_the_caller_changes_no_bits() -> None:
    assert output(FLUSHED).split() == [output(EXPECTED)] * 3


def test_calls_release_the_gil() -> None:
    assert output(GIL) == "0 True"


def test_an_interpreter_exits_while_workers_wait() -> None:
    done = run("digest(4)\nprint('done')")
    assert (done.stdout.strip(), done.stderr) == ("done", "")
