#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Worker processes of Python's multiprocessing, which share a value, an array and a lock (see program.h for the options)."""
import getopt
import multiprocessing as mp
import os
import sys

WORKERS = 3
ADDITIONS = 200


def work(number, total, slots, inbox, outbox):
    own = bytes(range(256)) * 256
    while (round_ := inbox.get()) is not None:
        for _ in range(ADDITIONS):
            with total.get_lock():
                total.value += 1
        with slots.get_lock():
            slots[number] = round_ * (number + 1)
        assert own == bytes(range(256)) * 256
        outbox.put((number, round_))


def main():
    options = dict(getopt.getopt(sys.argv[1:], "p:r:m:")[0])
    progress, rounds = options.get("-p"), int(options.get("-r", 0))
    if not progress and not rounds:
        rounds = 3
    context = mp.get_context("fork")
    total, slots = context.Value("q", 0), context.Array("q", WORKERS)
    outbox = context.SimpleQueue()
    inboxes = [context.SimpleQueue() for _ in range(WORKERS)]
    workers = [
        context.Process(target=work, args=(i, total, slots, inboxes[i], outbox), daemon=True) for i in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    done = 0
    while True:
        done += 1
        for inbox in inboxes:
            inbox.put(done)
        assert sorted(outbox.get() for _ in range(WORKERS)) == [(i, done) for i in range(WORKERS)]
        assert total.value == done * WORKERS * ADDITIONS, total.value
        assert list(slots) == [done * (i + 1) for i in range(WORKERS)], list(slots)
        if progress:
            with open(progress, "w") as file:
                file.write(f"{done}\n")
            if os.path.exists(progress + ".stop"):
                break
        if done == rounds:
            break
    for inbox in inboxes:
        inbox.put(None)
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0, worker.exitcode
    print("PASS", flush=True)


if __name__ == "__main__":
    main()
