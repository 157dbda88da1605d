"""Notifications: what NotifyUrl is asked with, section 16 of the document."""

from collections.abc import Mapping
from typing import Any

from yarl import URL

from dialer.api.votbox.moscow import kopecks, shown
from dialer.api.votbox.statuses import job_of
from dialer.model.progress import Progress
from dialer.model.template import OwnWords
from dialer.store.events import Event

STATES = {
    Progress.DIALLED: "CALLOUT", Progress.ANSWERED: "STARTCALL", Progress.KEY: "GETDTMF",
    Progress.REDIRECTED: "REDIRECT", Progress.EMPLOYEE_ANSWERED: "CALLPROCESS",
    Progress.EMPLOYEE_UNANSWERED: "CALLNOANSWER", Progress.UNANSWERED: "CALLNOANSWER", Progress.ENDED: "ENDCALL",
}  # fmt: skip


def notice_url(event: Event) -> str:
    """The receiver's address with the event as its query. A query that the address has already stays."""
    content = event.content
    progress = Progress(content["progress"])
    said = {
        "CALLID": content["first_id"],
        "STATE": STATES[progress],
        "DT": shown(content["at_us"]),
        **_parameters(progress, content),
    }
    return str(URL(event.url).extend_query({name: str(value) for name, value in said.items()}))


def _parameters(progress: Progress, row: Mapping[str, Any]) -> dict[str, object]:
    details = row["details"]
    match progress:
        case Progress.DIALLED:
            return {"ANI": details["shown"], "DNIS": OwnWords.from_params(row["params"]).sent or row["phone"]}
        case Progress.KEY:
            return {"DTMF": details["key"]}
        case Progress.REDIRECTED:
            return {"Phone": details["telephone"], "addinfo": details["about"]}
        case Progress.EMPLOYEE_ANSWERED:
            return {"Phone": details["telephone"]}
        case Progress.EMPLOYEE_UNANSWERED:
            return {"REL": details["cause"], "Phone": details["telephone"]}
        case Progress.UNANSWERED:
            return {"REL": details["cause"]}
        case Progress.ENDED:
            return {
                "CALLDURATION": row["talked_s"] or 0,
                "OPERCALLDURATION": row["employee_talked_s"] or 0,
                "JOBSTATUS": job_of(row, tried_again=row["next_due_us"] is not None).value,
                "CALLPAY": kopecks(row["cost_u"]),
                "OPERCALLPAY": kopecks(row["employee_cost_u"]),
            }
        case Progress.ANSWERED:
            return {}
