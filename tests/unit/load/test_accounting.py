"""Accounts are read from the kernel's books, whatever is missing from them."""

from __future__ import annotations

import os

from longwave.load.accounting import Account, take_account, with_children


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def machine(proc):
    """A /proc with a server of two threads, a child and a grandchild."""
    write(proc, meminfo="MemTotal: 9 kB\nSUnreclaim:     7 kB\n")
    write(proc / "net", sockstat="sockets: used 9\nTCP: inuse 4 orphan 0 tw 0 alloc 4 mem 3\nUDP: inuse 0 mem 8\n")
    for pid, children in ((10, "11 "), (11, "12 "), (12, "")):
        write(proc / str(pid), stat=f"{pid} (a) b) S" + " 0" * 10 + " 3 2 0", smaps_rollup="x\nRss: 4 kB\nPss: 2 kB\n")
        write(proc / str(pid) / "task" / str(pid), children=children, schedstat="500 60 7\n")
    write(proc / "10" / "task" / "99", children="", schedstat="1000 40 7\n")


def test_account_holds_all_processes_and_threads(tmp_path):
    machine(tmp_path)
    account = take_account([10], tmp_path)

    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    assert account.cpu_ticks == 3 * 5 * tick
    assert (account.cpu, account.waited) == (3 * 500 + 1000, 3 * 60 + 40)
    assert (account.rss, account.pss) == (3 * 4096, 3 * 2048)
    assert account.slab == 7 * 1024
    assert account.tcp_memory == 3 * os.sysconf("SC_PAGE_SIZE")


def test_children_are_found_once(tmp_path):
    machine(tmp_path)

    assert with_children([10, 11], tmp_path) == [10, 11, 12]


def test_what_the_kernel_does_not_tell_is_nothing(tmp_path):
    assert take_account([10], tmp_path) == Account()


def test_difference_is_what_was_taken_between():
    later, earlier = Account(cpu=9, rss=5), Account(cpu=4, rss=7)

    assert later.since(earlier) == Account(cpu=5, rss=-2)


def test_coarse_book_stands_in_for_the_exact_one():
    assert Account(cpu_ticks=7, cpu=5).cpu_time == 5
    assert Account(cpu_ticks=7).cpu_time == 7


def test_real_process_has_memory_and_time():
    account = take_account([os.getpid()])

    assert account.pss > 2**20
    assert account.cpu_time > 0
