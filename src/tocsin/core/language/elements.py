"""What an update must tell (S1-44 to S1-47): what readers notice, when they hear again; and better also since when, and a regret."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from tocsin.core.language.text import Finding, Text, compiled

_READERS = (
    r"users?|customers?|clients?|members?|people|person|visitors?|shoppers?|buyers?|sellers?"
    r"|merchants?|players?|gamers?|students?|pupils?|teachers?|learners?"
    r"|parents?|patients?|doctors?|nurses?|clinics?|hospitals?|passengers?|travell?ers?|riders?"
    r"|drivers?|couriers?|guests?|hosts?|callers?|subscribers?|viewers?"
    r"|listeners?|readers?|tenants?|residents?|citizens?|applicants?|employees?|staff|colleagues"
    r"|teams?|partners?|vendors?|suppliers?|developers?|organi[sz]ations?|companies|businesses"
    r"|accounts?"
    r"|restaurants?|stores?|shops?|schools?|banks?|households?|homes?|anyone|anybody|everyone"
    r"|everybody|nobody|no\s+one|you|your|some|many|most|all|those|donors?|fans?|investors?|traders?"
    r"|farmers?|agents?|owners?|recipients?|senders?|workspaces?|sites?|regions?|orders?"
)
_SUFFER = (
    r"outages?|downtime|unable|cannot|can't|can\s+not|could\s+not|couldn't|not\s+be\s+able|won't\s+be\s+able|not\s+(?:receiv"
    r"|get|see|load|open|work|reach|arriv|able|connect|appear)\w*|fail(?:s|ed|ing|ures?)?|errors?"
    r"|slow(?:er|ly|ness)?|delay(?:s|ed|ing)?|longer\s+than|late(?:r)?|experienc(?:e|es|ed|ing)"
    r"|affect(?:s|ed|ing)?|impact(?:s|ed|ing)?|unavailable|offline|down|missing|interrupt\w*"
    r"|disrupt\w*"
    r"|trouble|difficult\w*|problems?|issues?|lost|losing|disconnect\w*|stuck|tim(?:e|ed|ing)\s+out"
    r"|wait(?:ing|s)?|reject\w*|declin\w*|incorrect\w*|wrong|duplicate\w*|twice|blank|crash\w*"
    r"|degrad\w*"
    r"|inaccessible|unreachable|cut\s+off|drop(?:s|ped|ping)?|freez\w*|frozen|prevent\w*|locked\s+out"
    r"|signed\s+out|logged\s+out|without|stopped|stop|miss(?:es|ed)?|empty|refused|turned\s+away"
    r"|double|not\s+working|no\s+longer|incomplete|outdated|stale|buffer(?:ing|s)|poor|echo|garbled"
    r"|silent|out\s+of\s+date|fewer"
)
_STATE = (
    r"unavailable|down|offline|slow(?:er)?|delayed|failing|late|not\s+(?:loading|working|available"
    r"|responding|sending|processing|reachable|being\s+\w+|syncing|arriving|showing|updating"
    r"|opening|accepting|delivering)|interrupted|disrupted|degraded|affected"
    r"|intermittent|unreachable|inaccessible|paused|suspended|closed|cancelled|timing\s+out|returning\s+errors"
    r"|showing\s+(?:errors|old|wrong|incorrect|outdated)|crashing|stuck|unresponsive|out\s+of\s+(?:service"
    r"|order|action)|impaired|limited|blocked|missing|wrong|incorrect|broken"
)
_WELL = (
    r"(?:are|is|were|was|has|have|be|being|been|back|now|again|should|will|can)\s+(?:\w+\s+){0,4}?"
    r"(?:working(?!\s+(?:to|on|with|hard|towards?|quickly|diligently|through|fast|closely|urgently|around|as))"
    r"|operating|functioning|loading|processing|running|flowing|back|normal(?:ly)?|restored|recover(?:ed"
    r"|ing)|available|online|stable|up|accessible|resumed|unaffected|safe)"
    r"|(?:recovered|resumed|returned|reopened)(?=\s+(?:to|for|in|at|and|after|since)|[.,;!])"
    r"|back\s+to\s+normal|as\s+usual|normally\s+again|can\s+(?:now|again)|can\s+\w+(?:\s+\w+){0,4}\s+again"
    r"|no\s+(?:customer|user|visible)\s+impact|not\s+(?:been\s+)?affected"
)
IMPACT = compiled(
    rf"(?:{_READERS})(?=[^.!?\n]{{0,120}}\b(?:{_SUFFER})\b)"
    rf"|(?:{_SUFFER})(?=[^.!?\n]{{0,60}}\b(?:for|to|by|in|affecting|among)\s+(?:\w+\s+){{0,2}}(?:{_READERS})\b)"
    rf"|(?:is|are|was|were|remains?|be|been|being|isn't|aren't|may\s+be|currently|still|went|go(?:es)?"
    rf"|gone|became|getting)\s+(?:\w+\s+){{0,3}}?(?:{_STATE})"
    r"|(?:do|does|did)(?:\s+not|n't)\s+(?:\w+\s+)?(?:load|work|open|send|arrive|respond|start"
    r"|connect|show|update|sync|play|complete|go\s+through|appear|reach|ring|print|accept|process"
    r"|deliver|display|refresh|function|register|scan|save|upload|download|charge)\w*"
    r"|(?:nobody|no\s+one|none\s+of\s+you)\s+(?:can|could|is\s+able|was\s+able|gets?|got|receives?)"
    r"|unable\s+to|no\s+longer\s+\w+|cannot\s+(?:be\s+)?\w+|can't\s+(?:be\s+)?\w+|(?:affect|disrupt"
    r"|prevent|interrupt|delay)(?:s|ed|ing)\s+\w+|(?:fail|time\s+out|crash|take|takes|taking"
    r"|took)(?:s|ed|ing)?\s+(?:for|to|when|with|on|in|at|longer|up\s+to|more|much)"
    r"|errors?\s+(?:when|while|on|during|in|for|at|message)|(?:slow|long|longer|late|wrong|missing"
    r"|incorrect|duplicate|failed|failing|delayed|lost|blank|higher|poor|garbled)\s+\w+|not\s+(?:loading"
    r"|working|available|responding|arriving|going\s+through|being\s+\w+)"
    rf"|{_WELL}"
    r"|(?:payments?|orders?|messages?|emails?|calls?|logins?|uploads?|downloads?|deliveries|bookings?"
    r"|checkouts?|searches|requests|transfers|pages?)\s+(?:fail|stop|crash|time\s+out|arrive\s+late"
    r"|are\s+lost)\w*"
)

_NUMBER = (
    r"(?:\d+|an?|one|two|three|four|five|six|ten|fifteen|twenty|thirty|forty-?five|sixty|ninety"
    r"|half\s+an|a\s+quarter\s+of\s+an|an\s+hour\s+and\s+a\s+half)"
)
_WHEN = (
    rf"(?:{_NUMBER}[\s-]*(?:minute|min|hour|hr|h|m|day)s?\b|\d{{1,2}}[:.]\d{{2}}|\d{{1,2}}\s*(?:am"
    rf"|pm|a\.m|p\.m|o'clock|h\b|utc|gmt|[ap]m)|\d{{4}}\s*(?:utc|gmt|z|hours|hrs)|noon|midday"
    rf"|midnight|the\s+(?:top\s+of\s+the\s+)?(?:next\s+)?(?:half\s+)?hour"
    r"|(?:the\s+)?(?:next\s+)?hour|hourly|half\s+past|quarter\s+(?:past|to)|tomorrow|tonight"
    r"|this\s+(?:afternoon|evening|morning)|(?:the\s+)?end\s+of\s+(?:the\s+|this\s+)?(?:day|business"
    r"|hour|morning|afternoon)|(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b"
    r"|\d{4}-\d{2}-\d{2}|lunchtime|close\s+of\s+business)"
)
NEXT = compiled(
    rf"(?:next|further|another|follow-?up|new|more)\s+(?:status\s+|progress\s+)?(?:update|news"
    rf"|report|message|information|info|details?|post|word)s?\b[^.!?\n]{{0,60}}?{_WHEN}"
    rf"|(?:update|write|post|report|inform|notify|share|publish|provide|send|give|be\s+back|check\s+in"
    rf"|tell|say|hear|get\s+back|come\s+back|follow\s+up|return|confirm|know|news|let\s+you|speak|contact|reach\s+out|call|be\s+in\s+touch|in\s+touch)\b[^.!?\n]{{0,80}}?\b(?:in|by"
    rf"|at|within|before|every|around|no\s+later\s+than|again|on|until|than)\s+(?:about\s+|around\s+"
    rf"|the\s+next\s+|the\s+latest\s+)?{_WHEN}"
    rf"|updates?:?\s+(?:follow\w*\s+|every\s+|each\s+|will\s+follow\s+|to\s+follow\s+|again\s+|expected\s+"
    rf"|due\s+|here\s+|is\s+)*(?:in|by|at|within|before|every|each|:|-|–|around|hourly)?\s*(?:about\s+"
    rf"|around\s+)?{_WHEN}"
    r"|(?:update|write|post|report|inform|share|publish|confirm|be\s+back|tell|hear|know)\b[^.!?\n]{0,40}?\b(?:tomorrow|tonight|hourly"
    r"|this\s+(?:afternoon|evening|morning))"
    rf"|(?:every|each)\s+{_WHEN}\s+(?:with|until|or|at)|(?:in|by|at|within)\s+{_WHEN}[^.!?\n]{{0,30}}?\b(?:we\s+will"
    rf"|we'll|you\s+will|you'll)\s+(?:update|write|post|report|hear|share|tell|let|have|know|give"
    rf"|send|get)"
    rf"|(?:expect|look\s+for|watch\s+for)\s+(?:more|news|an\s+update|our\s+next|the\s+next|another)[^.!?\n]{{0,40}}?{_WHEN}"
    rf"|(?:back|again)\s+(?:here\s+)?(?:with\s+\w+\s+)?(?:in|by|at|within)\s+{_WHEN}"
)
_REGRET = compiled(r"sorry|apolog\w+|regret\w*|inconvenience|forgive|frustrat\w+")
_SINCE = compiled(
    rf"since|(?:began|started|starting|beginning|from|between|as\s+of|first)\s+(?:\w+\s+){{0,3}}?{_WHEN}"
    rf"|(?:at|around|about)\s+\d{{1,2}}[:.]?\d{{0,2}}|{_WHEN}\s+ago|for\s+(?:the\s+)?(?:last|past)"
)
OVER = compiled(
    r"(?:has|have|had|is|are|was|were|been|now|fully|being)\s+(?:\w+\s+){0,2}?(?:resolved|fixed"
    r"|solved|over|closed|completed)|resolved|(?:this|the)\s+(?:incident|issue|problem)\s+is\s+over"
    r"|all\s+clear|(?:fully|completely)\s+(?:restored|recovered)"
    r"|status\s*:\s*resolved|all\s+(?:our\s+)?(?:systems|services)\s+(?:are\s+)?(?:now\s+)?(?:operational"
    r"|operating\s+normally|working\s+normally|back\s+to\s+normal)"
)
_NOT_OVER = compiled(
    r"(?:not|n't|once|until|when|before|after|if|will|should|would|to)\s+(?:\w+\s+){0,5}?(?:resolved"
    r"|fixed|solved|over|closed|completed|restored|recovered)"
)
IDENTIFIED = compiled(
    r"(?:identified|found|located|traced|determined|isolated|confirmed|understood|know)\s+(?:\w+\s+){0,4}?(?:cause"
    r"|issue|problem|source|fault|error|reason|bug|trigger)|(?:cause|issue|problem|source|fault"
    r"|reason)\s+(?:has\s+been|was|is|is\s+now)\s+(?:identified|found|located|known|understood"
    r"|confirmed|traced)"
    r"|status\s*:\s*(?:identified|monitoring)|(?:fix|repair|solution|correction)\s+(?:has\s+been"
    r"|was|is\s+being|is\s+now\s+being|is|is\s+now)\s+(?:\w+\s+)?(?:implemented|deployed|applied"
    r"|rolled|in\s+place|released|tested|rolling|under\s+way|live|made)"
)


_ABOUT_US = compiled(
    r"(?:we|we're|we've|we'll|i|our\s+(?:\w+\s+){0,3}?(?:teams?|engineers?|staff|experts?|developers?|technicians?|specialists?|people)|(?:the\s+)?engineers|(?:the|a)\s+team)"
    r"\s+(?:(?:are|is|am|have|has|had|been|will|shall|be|also|now|currently|still|continue\s+to|continuing\s+to|actively|urgently|immediately|all|already|just|again|definitely|certainly)\s+)*"
    r"(?:investigat|look|work|aware|identif|monitor|review|check|address|resolv|fix|solv|implement|deploy|apply|applied|roll|test|updat|post|share|provid|keep|kept|on\s+(?:it|the\s+case)"
    r"|analy[sz]|examin|assess|trac|track|found|find|know|start|began|begin|try|trying|tried|do|doing|done|engag|respond|treat|take|prioriti|inform|write|tell|report|send|continu|apologi|regret|sorry|appreciate|thank"
    r"|understand|restart|roll|rolled|deep|dig|busy|handl|mitigat|remediat|escalat|notif|communicat|publish)\w*"
)
_EMPTY = compiled(
    r"(?:next|further|another|more|an)\s+(?:\w+\s+)?(?:updates?|information|details?|news)|updates?\s+(?:to\s+)?(?:follow|will|every|in|at|by)|more\s+(?:to\s+(?:follow|come)|soon)|(?:please\s+)?(?:check\s+back|bear\s+with|stand\s+by|stay\s+tuned|refer)"
    r"|thank(?:s|\s+you)|sorry|(?:we\s+)?apologi[sz]\w+|our\s+apologies|status\s*:?\s*(?:investigating|identified|monitoring)|investigat(?:ing|ion)|under\s+investigation|monitoring|identified|update\s*\d*\s*[:.-]"
    r"|(?:an?|the|this|some)\s+(?:\w+\s+){0,2}?(?:incident|issue|problem|outage|alert|event|situation|disruption)\s+(?:has|have|is|was|were|been)\s+(?:\w+\s+){0,2}?(?:reported|detected|identified|declared|opened|raised|investigated|ongoing|escalated|known|found|logged|under\s+\w+|being\s+\w+)"
    r"|there\s+(?:is|was|has\s+been)\s+(?:an?|some|currently\s+an?)\s+(?:\w+\s+){0,2}?(?:incident|issue|problem|outage|event|disruption)|(?:an?|the)\s+(?:\w+\s+)?(?:fix|patch|change|solution)\s+(?:has|is|was|will)|an?\s+(?:incident|issue|problem|outage)"
    r"|it\s+(?:will|should|was|is)\s+(?:be\s+)?(?:fixed|resolved|over|solved)|everything|everyone\s+is\s+working|all\s+hands|work\s+is\s+under\s+way|eta|the\s+(?:cause|root\s+cause|reason)"
)
_EFFECT = compiled(
    r"that|where|which|affect\w*|impact\w*|prevent\w*|caus\w*|reports?\s+of|with\s+(?:the|our|your|some)|mak\w+|so\s+you"
)
_TECHNICAL = compiled(
    r"servers?|databases?|networks?|hardware|software|bugs?|code|infrastructure|deployments?|releases?|configurations?|disks?|routers?|switch(?:es)?|cables?|certificates?|alerts?|error\s+rates?|clusters?|version|scripts?|upgrade|rollback"
)
_READER_FIRST = compiled(
    rf"\s*(?:(?:some|many|most|all|several|few|a\s+few|other|about\s+\d+)\s+(?:of\s+(?:our|the)\s+)?)?(?:{_READERS})\s+\w+"
)
_FORMER = compiled(
    rf"(?:from|between)\s+(?:\w+\s+){{0,2}}?(?:{_WHEN}|\d{{1,2}})[^.!?\n]{{0,25}}?\s(?:to|and|until)\s+{_WHEN}"
)
_GOOD_AGAIN = compiled(
    r"again|back\s+to\s+normal|restored|recovered|as\s+usual|(?:is|are)\s+(?:now\s+)?(?:working|fixed|up)"
)


def is_over(text: Text) -> bool:
    """Does the text itself say that it is over?"""
    if _FORMER.search(text.flat) and _GOOD_AGAIN.search(text.flat) and not NEXT.search(text.flat):
        return True
    return bool(OVER.search(text.flat)) and not _NOT_OVER.search(text.flat)


def tells_impact(text: Text, findings: Collection[Finding]) -> bool:
    """Does it say anything that readers notice?

    Whatever it can be about, an update without it consists of little else: what we do, when we write again, courtesies, guesses,
    blame, promises and talk of machines. Any other sentence is taken to tell it.
    """
    if IMPACT.search(text.flat):
        return True
    excerpts = [one.excerpt for one in findings if one.level != "hint" and one.excerpt]
    clauses = [clause for one in text.sentences for clause in re.split(r"[;:](?=\s)", one[0])]
    return any(_tells(" ".join(clause.split()), excerpts) for clause in clauses)


def _tells(sentence: str, excerpts: Collection[str]) -> bool:
    if _READER_FIRST.match(sentence):
        return True
    if len(sentence.split()) < 3 or any(one.removesuffix(" …") in sentence for one in excerpts):
        return False
    if _TECHNICAL.search(sentence):
        return False
    about_us = _ABOUT_US.match(sentence)
    if about_us:
        return bool(
            _EFFECT.search(sentence, about_us.end()) and len(sentence.split()) > 6 and not NEXT.search(sentence)
        )
    return not _EMPTY.match(sentence)


def missing(text: Text, *, over: bool, has_next: bool, findings: Collection[Finding] = ()) -> Iterator[Finding]:
    """Findings: no impact, no next time. An incident that is over needs neither. `findings`: what else is wrong with it."""
    if over:
        return
    if not tells_impact(text, findings):
        yield Finding(
            level="error", line=1, rule="missing_impact", message="It does not say what readers notice",
            suggestion="Say who is affected and what they cannot do: “Some customers cannot pay by card”",
        )  # fmt: skip
    if not has_next and not NEXT.search(text.flat):
        yield Finding(
            level="error", line=1, rule="missing_next", message="It does not say when readers hear from you again",
            suggestion="Name a time: “Next update by 15:30 UTC” or “Next update in 30 minutes”",
        )  # fmt: skip


def wished(text: Text, *, over: bool) -> Iterator[Finding]:
    """Hints: no regret, no start."""
    if not _REGRET.search(text.flat):
        yield Finding(
            level="hint", line=1, rule="missing_apology", message="It does not say that you are sorry",
            suggestion="Say it plainly, for what people really went through: “We are sorry that your payments failed”",
        )  # fmt: skip
    if not over and not _SINCE.search(text.flat):
        yield Finding(
            level="hint", line=1, rule="missing_start", message="It does not say since when",
            suggestion="Add when it began: “Since 14:32 UTC”",
        )  # fmt: skip
