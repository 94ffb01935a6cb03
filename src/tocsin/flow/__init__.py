"""The story, in reading order.

1. `context`    what a stage may touch
2. `intake`     bytes that became events are committed in groups; the sender hears 2xx only after that
3. `batch`      events parted so that each key keeps its order
4. `triage`     events + what is open -> alerts and incidents, each outcome with a reason
5. `rules`      the rules of its severity that an incident begins with and keeps
6. `silences`   the silences as this node holds them
7. `recall`     what this node remembers of what is open, so that a batch need not always look first
8. `hiding`     what hides new alerts: a firing alert, or an open incident of what they depend on
9. `opening`    new alerts: muted, joined, back again, or a new incident that pages at once
10. `newborn`    what their pages say, made ready while the database still works
11. `settling`   a source says that alerts ended or are looked at: their incidents follow
12. `foretell`   what would become of an alert right now, decided by all that and taken back
13. `pager`      plans pages: who, by what, and what is told
14. `escalate`   a rung is due: whom to page, when to look again
15. `turns`      round robin: each incident takes a turn, and no two take the same
16. `restart`    paging starts over: the severity rose, the incident came back
17. `regrade`    a person changes the severity: its clocks count anew, paging follows
18. `shadows`    who shadows a shift gets copies of its pages
19. `deliver`    carry each notification
20. `gather`     what rings one person: several incidents as one message, quiet hours, limits
21. `lanes`      places at providers, shared so that a slow one never holds up another
22. `message`    what a notification says, and its signed link
23. `receipts`   what became of each send; pages that reach nobody bring the next rung forward
24. `bounces`    a provider says later that what it accepted did not arrive: the next rule at once
25. `devices`    a browser is gone: struck off, its owner told
26. `notices`    carry news that nobody has to answer
27. `respond`    people answer: acknowledge, escalate, assign, note
28. `declaring`  a person declares an incident: severity, roles and pages at once
29. `beside`     work of timers that takes too long to stand between the others: few at once
30. `responding` the first steps besides paging, each a job: those inside are told, the status page is drafted
31. `transitions` what happens whenever a status changes, by whatever path: one list
32. `closing`    an incident ends, and comes back: resolve, close, reopen
33. `probing`    samples of the probes of what an incident affects
34. `watching`   a restored incident is looked at for a while; a probe that fails brings it back
35. `restore`    it works again: a person checks, probes are sampled, the watch begins
36. `step`       a person moves an incident along its lifecycle
37. `times`      people correct the times of an incident
38. `merge`      two incidents are one, or have to do with each other
39. `acts`       what every act of a person shares
40. `summon`     people ask for people: page somebody, responders, all hands
41. `handover`   somebody else takes over, once they accept
42. `snooze`     nothing rings until then; then paging starts again
43. `roles`      who does what: a role is taken, handed over with read-back, let go
44. `chat`       what people say in the room, and what they correct
45. `findings`   what we know becomes fact or falls; what is decided on it
46. `tasks`      who does what, and the check-in that is missed
47. `progress`   the second clock: acknowledged, not restored
48. `suggested`  whoever leads is asked whether to escalate: the signed link that says yes
49. `alarms`     the other timers: alerts end, alerts are counted, a watch is over
50. `clocks`     a promise of the severity comes due: told, reminded, informed; business hours begin
51. `crowds`     much news of one kind for one person is one message
52. `facts`      what is known of an incident, from which everything told of it is made
53. `wording`    what the language check says of an update, and what the policy of its audience stops
54. `composing`  what an update would say: the facts in the words of a template
55. `updates`    an audience is told, with the time of the next update
56. `telling`    whom that reaches, by which way, with a receipt
57. `due_updates` the status changed: those who were told are to hear
58. `drafting`   drafts are ready before an update is due
59. `reminding`  an update is due or late: who is reminded, louder as time goes on
60. `digesting`  once on a working day each team hears what waits in its queue, audiences of its minor incidents
61. `communicate` a message to one channel, told in the room once
62. `release`    a silence or a cause is over: what still fires opens or joins incidents now
63. `plans`      planned mutes become silences, window after window
64. `overrun`    a maintenance window is over, and what it held back still fires
65. `heartbeats` pings come in; a missing one raises an alert
66. `following`  the configuration changed: what stands in the database because of it changes too
67. `relieve`    a shift ends: the handoff, unanswered work changes hands, who stays in the loop
68. `improve`    a shift that hurt asks for something to be changed
69. `drill`      a marked incident that pages for real and ends by itself
70. `forewarn`   before the night each team is told what would go wrong
71. `searching`  incidents get the words that they are found by
72. `public_words` the public was told of an incident: its subscribers are written to
73. `maintenance` maintenance as the public hears of it: announced, changed, begun, completed
74. `letterbox`  the signed links in letters to subscribers
75. `mailings`   carry letters to subscribers of the status page
76. `silence_alarm` a SEV1 or SEV2 is open and the status page is green for too long
77. `rooms`      rooms outside follow the timeline: opened with the incident, what they are to hear
78. `talking`    tell rooms what happened, one event after the other, in nobody's way
79. `review`     it is over: its review is drafted, with its dates
80. `meetings`   the meeting about an incident, as calendars read it
81. `minding`    reviews that wait: their owners are reminded, people are asked to their meetings
82. `tick`       claims what is due and hands it to the stage that owns it
"""
