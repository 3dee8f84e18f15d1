"""Calls with and without an event loop, whatever ran before."""

from concurrent.futures import ThreadPoolExecutor


def in_a_thread(function, *arguments):
    """Call in a thread without an event loop: a browser test before leaves one in the main thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()
