"""The story, in reading order.

1. `context`   what a stage may touch
2. `intake`    bytes that became events are committed in groups; the sender hears 2xx only after that
3. `batch`     events parted so that each key keeps its order
4. `triage`    events + what is open -> alerts and incidents, each outcome with a reason
5. `opening`   new alerts: muted, joined, back again, or a new incident that pages at once
6. `settling`  a source says that alerts ended or are looked at: their incidents follow
7. `escalate`  a rung is due: whom to page, when to look again
8. `restart`   paging starts over: the severity rose, the incident came back
9. `deliver`   carry each notification
10. `lanes`    places at providers, shared so that a slow one never holds up another
11. `message`  what a notification says, and its signed link
12. `receipts` what became of each send; pages that reach nobody bring the next rung forward
13. `respond`  people answer: acknowledge, resolve, reopen, escalate, assign, note
14. `alarms`   the other timers: alerts end, alerts are counted, a watch is over, a silence ends
15. `tick`     claims what is due and hands it to the stage that owns it
"""
