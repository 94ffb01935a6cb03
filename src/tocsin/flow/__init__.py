"""The story, in reading order.

1. `context`   what a stage may touch
2. `intake`    bytes that became events are committed in groups; the sender hears 2xx only after that
3. `batch`     events parted so that each key keeps its order
4. `triage`    events + what is open -> alerts and incidents, each outcome with a reason
5. `opening`   new alerts: muted, joined, back again, or a new incident that pages at once
6. `settling`  a source says that alerts ended or are looked at: their incidents follow
7. `escalate`  a rung is due: whom to page, when to look again
8. `restart`   paging starts over: the severity rose, the incident came back
9. `shadows`   who shadows a shift gets copies of its pages
10. `deliver`   carry each notification
11. `lanes`    places at providers, shared so that a slow one never holds up another
12. `message`  what a notification says, and its signed link
13. `receipts` what became of each send; pages that reach nobody bring the next rung forward
14. `notices`  carry news that nobody has to answer
15. `respond`  people answer: acknowledge, resolve, reopen, escalate, assign, note
16. `alarms`   the other timers: alerts end, alerts are counted, a watch is over, a silence ends
17. `tick`     claims what is due and hands it to the stage that owns it
"""
