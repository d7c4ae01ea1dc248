from __future__ import annotations

import asyncio
import threading

import pytest

from agent.models.turnstile import Turnstile


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0.005)


async def test_many_go_through_at_once() -> None:
    turnstile = Turnstile()
    met = asyncio.Barrier(3)

    async def go() -> None:
        async with turnstile.through():
            await asyncio.wait_for(met.wait(), 5)

    await asyncio.gather(go(), go(), go())


async def test_who_shuts_waits_for_those_inside_and_holds_back_those_who_come() -> None:
    turnstile = Turnstile()
    told: list[str] = []
    end = asyncio.Event()

    async def stay() -> None:
        async with turnstile.through():
            await end.wait()
            told.append("out")

    async def shut() -> None:
        assert await turnstile.shut(5)
        told.append("shut")
        await settle()
        told.append("open")
        turnstile.open()

    async def come() -> None:
        async with turnstile.through():
            told.append("in")

    inside = asyncio.create_task(stay())
    await settle()
    shutting = asyncio.create_task(shut())
    await settle()
    coming = [asyncio.create_task(come()) for _ in range(2)]
    await settle()
    assert told == []
    end.set()
    await asyncio.gather(inside, shutting, *coming)
    assert told == ["out", "shut", "open", "in", "in"]


async def test_a_request_during_another_one_of_the_same_task_goes_through() -> None:
    turnstile = Turnstile()
    entered, shutting = asyncio.Event(), asyncio.Event()

    async def nested() -> str:
        async with turnstile.through():
            entered.set()
            await shutting.wait()
            await settle()
            async with turnstile.through():
                pass
            await asyncio.gather(*(asyncio.create_task(deeper()) for _ in range(2)))
            return "done"

    async def deeper() -> None:
        async with turnstile.through():
            await asyncio.sleep(0)

    task = asyncio.create_task(nested())
    await entered.wait()
    waiting = asyncio.create_task(turnstile.shut(5))
    shutting.set()
    assert await asyncio.wait_for(task, 5) == "done"
    assert await waiting


async def test_after_a_request_its_task_waits_like_all_others() -> None:
    turnstile = Turnstile()
    async with turnstile.through():
        pass
    assert await turnstile.shut(5)

    async def go() -> None:
        async with turnstile.through():
            pass

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(go(), 0.05)


async def test_who_is_inside_cannot_shut() -> None:
    turnstile = Turnstile()
    async with turnstile.through():
        with pytest.raises(TimeoutError):
            await turnstile.shut(5)
    assert await turnstile.shut(5)


async def test_patience_ends_and_all_go_on() -> None:
    turnstile = Turnstile()
    end = asyncio.Event()

    async def stay() -> None:
        async with turnstile.through():
            await end.wait()

    async def come() -> str:
        async with turnstile.through():
            return "in"

    inside = asyncio.create_task(stay())
    await settle()
    shutting = asyncio.create_task(turnstile.shut(0.1))
    await settle()
    coming = asyncio.create_task(come())
    with pytest.raises(TimeoutError):
        await shutting
    assert await asyncio.wait_for(coming, 5) == "in"
    end.set()
    await inside


@pytest.mark.parametrize("who", ["waiting to shut", "waiting to go in"])
async def test_who_is_cancelled_leaves_nothing_behind(who: str) -> None:
    turnstile = Turnstile()
    end = asyncio.Event()

    async def stay() -> None:
        async with turnstile.through():
            await end.wait()

    async def come() -> None:
        async with turnstile.through():
            pass

    inside = asyncio.create_task(stay())
    await settle()
    shutting = asyncio.create_task(turnstile.shut(5))
    await settle()
    coming = asyncio.create_task(come())
    await settle()
    (shutting if who == "waiting to shut" else coming).cancel()
    await settle()
    end.set()
    await inside
    if who == "waiting to go in":
        assert await shutting
        turnstile.open()
    else:
        await coming
    await asyncio.wait_for(come(), 5)
    assert await turnstile.shut(5)


async def test_of_two_who_shut_the_second_looks_again() -> None:
    turnstile = Turnstile()
    assert await turnstile.shut(5)
    second = asyncio.create_task(turnstile.shut(5))
    await settle()
    assert not second.done()
    turnstile.open()
    assert await second is False
    assert await turnstile.shut(5)


def test_several_event_loops_and_threads() -> None:
    """Twenty tasks in four loops, and somebody who shuts again and again: nobody is inside while it is shut."""
    turnstile = Turnstile()
    count = threading.Lock()
    inside = 0
    wrong: list[int] = []

    async def go() -> None:
        nonlocal inside
        for _ in range(30):
            async with turnstile.through():
                with count:
                    inside += 1
                await asyncio.sleep(0.001)
                with count:
                    inside -= 1

    async def shut() -> None:
        for _ in range(15):
            if await turnstile.shut(30):
                wrong.extend([inside] if inside else [])
                await asyncio.sleep(0.001)
                turnstile.open()

    async def both() -> None:
        await asyncio.gather(*(go() for _ in range(5)), shut())

    threads = [threading.Thread(target=lambda: asyncio.run(both())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    assert inside == 0
