"""`verify` finds every call proposed before anything becomes of it, in whatever way a run came about."""

from __future__ import annotations

from pathlib import Path

from governed import ALICE, answer, calls, scripted, world

from licet import Answered, Denied, Executed, Failed, Pending, Reviewer, Suspended
from licet.audit.verify import verify

BOB = Reviewer(id="local:bob", local=True)


async def test_reads_denials_failures_edits_and_runs_that_are_resumed_verify(tmp_path: Path) -> None:
    script = [
        calls(("read_order", {"order_id": "O-1"}), ("read_order", {"order_id": "O-2"})),
        calls(("refund", {"order_id": "O-1", "amount": "120"}), ("note", {"text": "x"})),
        answer("done"),
    ]
    async with world(tmp_path, model=scripted(script)) as runtime:
        waiting = await runtime.run("desk", "please", ALICE)
        assert isinstance(waiting, Suspended)
        runtime.approvals().edit(waiting.approvals[0], BOB, {"order_id": "O-1", "amount": "110"})
    async with world(tmp_path, model=scripted(script)) as runtime:  # another process, so to say
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
        async with runtime.session("desk", ALICE) as run:
            for order in ("O-1", "O-2", "O-3"):  # each start waits for the record that comes after it
                assert isinstance(await run.call("read_order", {"order_id": order}), Executed)
            assert isinstance(await run.call("refund", {"order_id": "closed", "amount": "1"}), Failed)
            assert isinstance(await run.call("nothing", {}), Denied)
            pending = await run.call("refund", {"order_id": "O-4", "amount": "120"})
            assert isinstance(pending, Pending) and pending.request_id
            runtime.approvals().approve(pending.request_id, BOB)
        async with runtime.session(run_id=run.id, principal=ALICE) as again:
            assert isinstance(await again.outcome(pending.call_id), Executed)
    found = verify(f"sqlite:///{tmp_path}/licet.db")
    assert found.problems == [] and found.records > 20
