"""The story, in reading order.

1. `context`   what a stage may touch
2. `intake`    bytes that became events are committed in groups; the sender hears 2xx only after that
3. `triage`    events + what is open -> alerts and incidents, each outcome with a reason
4. `escalate`  a rung is due: whom to page, when to look again
5. `deliver`   carry each notification, record what became of it
6. `respond`   people answer: acknowledge, resolve, reopen, escalate, assign, note
7. `tick`      claims what is due and hands it to the stage that owns it
"""
