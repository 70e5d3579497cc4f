"""The outside world for development, demonstration and tests: Bitrix24 REST and UIS over real HTTP.

In tests:

    from tests.sandbox import Sandbox

    with Sandbox().serve() as sandbox:
        sandbox.uis.events_url = post_to_the_product          # an address, or a function (body) -> status
        connect_product(sandbox.connection())                 # member_id, client_endpoint, tokens, UIS key
        sandbox.faults.fail_next(1, "drop_after", match="crm.item.add")
        story = sandbox.play("answered_call", client_phone="79001112233")
        assert sandbox.portal.counts()["leads"] == 3
        assert len(sandbox.portal.commands("telephony.externalCall.finish", ok=True)) == 1
        assert sandbox.portal.max_concurrent == 1
        assert sandbox.portal.cost(story.id)["requests"] <= 5

By itself: `python -m tests.sandbox --port 8090 --state var/sandbox.pickle`, then open http://127.0.0.1:8090/.
All time comes from `time.time()`; the product never imports this package.
"""

from .portal import Portal
from .world import Sandbox

__all__ = ["Portal", "Sandbox"]
