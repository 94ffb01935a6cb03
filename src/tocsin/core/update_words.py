"""The wording of updates as it comes with the product (S0-101, S0-102, S1-34..42), and which template counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tocsin.core.update_template import UpdateTemplate, chosen

_INITIAL = """\
INCIDENT DETECTED - {{ severity }} - {{ title }}

ID: {{ name }} ({{ id }})
Severity: {{ severity }} ({{ severity_word }})
Impact: {{ impact }}
Status: {{ "Investigating" if phase == "investigating" else status }}
ETA: TBD
Updates: every {{ update_frequency }}
{% if next_update %}

Next update: {{ next_update }} or sooner if status changes
{% endif %}
"""

_UPDATE = """\
INCIDENT UPDATE - {{ severity }} - {{ title }}

Time: {{ time }} ({{ minutes }} min since detection)
STATUS: {{ status }}

IMPACT:
{% for line in impact_lines %}
- {{ line }}
{% endfor %}

WHAT WE KNOW:
{% for one in known %}
- {{ one.certainty }}: {{ one.text }}
{% else %}
- nothing is confirmed yet
{% endfor %}

CURRENT ACTIONS:
{% for one in actions %}
- [{{ one.person }}] {{ one.task }}
{% else %}
- none listed
{% endfor %}

NEXT UPDATE: {{ next_update or "when the status changes" }}{{ " or sooner if status changes" if next_update }}
INCIDENT CHANNEL: {{ channel }} ({{ url }})
IC: {{ commander }}{{ " (" ~ contact ~ ")" if contact }}
"""

_RESOLUTION = """\
INCIDENT RESOLVED - {{ severity }} - {{ title }}

ID: {{ name }} ({{ id }})
Duration: {{ duration }}
Root Cause: {{ cause or "to be established in the review" }}
Resolution: {{ resolution }}
Follow-up: PIR scheduled for {{ pir_date }}
"""

_EXECUTIVES = """\
{{ severity }}: {{ title }} ({{ status }}, {{ minutes }} min since detection)
Impact: since {{ since }}; {{ impact }}{{ "; " ~ money if money }}.
{{ commander }} is in command.{{ " Next update " ~ next_update ~ "." if next_update }}
"""

_EXECUTIVES_RESOLUTION = """\
{{ severity }}: {{ title }} is resolved after {{ duration }}.
Impact: {{ impact }}{{ "; " ~ money if money }}.{{ " Cause: " ~ cause ~ "." if cause }}
Review: {{ pir_date }}.
"""

_PUBLIC = """\
{{ impact }}
{% if phase == "identified" %}
We have identified the issue and are working on a fix.
{% elif phase == "monitoring" %}
We have put a fix in place and are watching that it holds.
{% elif phase == "resolved" %}
The service works as usual again.
{% else %}
We are investigating.
{% endif %}
It began at {{ since }}. We are sorry for the trouble this causes you.
{% if next_update %}
Next update by {{ next_update }}, or sooner if anything changes.
{% endif %}
"""

_PUBLIC_RESOLUTION = """\
This incident is resolved; the service works as usual again.
{% set told = impact | replace(" are affected:", " were affected:") | replace(" cannot ", " could not ") %}
{{ told | replace(" may experience ", " may have experienced ") }} It lasted {{ duration }}, from {{ since }}{{ " to " ~ until if until }}.
{% if cause %}
The cause was {{ cause }}.
{% endif %}
We are sorry for the trouble this caused you.
"""


class Wording(NamedTuple):
    """A template with where it comes from: `id` of the configured one, empty for the built-in one."""

    body: str
    id: str = ""

    @property
    def edited(self) -> bool:
        """People wrote it, so it is rendered where it can do no harm."""
        return bool(self.id)


BUILT_IN: Mapping[tuple[str, str], str] = {
    **{("initial", audience): _INITIAL for audience in ("responders", "stakeholders")},
    **{("update", audience): _UPDATE for audience in ("responders", "stakeholders")},
    **{("resolution", audience): _RESOLUTION for audience in ("responders", "stakeholders")},
    ("initial", "executives"): _EXECUTIVES,
    ("update", "executives"): _EXECUTIVES,
    ("resolution", "executives"): _EXECUTIVES_RESOLUTION,
    ("initial", "public"): _PUBLIC,
    ("update", "public"): _PUBLIC,
    ("resolution", "public"): _PUBLIC_RESOLUTION,
}
"""(moment, audience) -> body."""


def wording(templates: Iterable[UpdateTemplate], audience: str, moment: str, severity: int) -> Wording:
    """The template that counts for an update."""
    configured = chosen(templates, audience, moment, severity)
    return Wording(configured.body, configured.id) if configured else Wording(BUILT_IN[moment, audience])


def built_in() -> list[dict[str, Any]]:
    """The built-in templates, for people to look at and copy: {moment, audience, body}."""
    return [{"moment": moment, "audience": audience, "body": body} for (moment, audience), body in BUILT_IN.items()]
