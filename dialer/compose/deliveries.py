"""What is sent of its own accord: webhooks to the CRM, notices of the other facade, mail."""

from dialer.api.couriers import JsonCourier, MailCourier, MailServer, QueryCourier
from dialer.api.mikopbx.webhooks import render_event
from dialer.api.votbox.notices import notice_url
from dialer.api.webhook_sender import HttpSender
from dialer.config import Settings, Smtp
from dialer.dispatch.recordings import Recordings
from dialer.dispatch.webhooks import Courier, Webhooks
from dialer.model.webhook import Signer, secret_key
from dialer.store.database import Store
from dialer.store.events import ANSWER, MAIL, PROGRESS, RESULT


class Deliveries:
    """Each kind of event has its courier."""

    def __init__(self, settings: Settings, store: Store, recordings: Recordings) -> None:
        webhooks = settings.webhooks
        sender = HttpSender(webhooks.allow, webhooks.timeout_s)
        # accounts of other facades are not the PBX's own CRM: the networks that they may reach are named
        notice_sender = HttpSender(webhooks.allow, webhooks.timeout_s, private=False)
        self.senders = (sender, notice_sender)
        couriers: dict[str, Courier] = {}
        secret = webhooks.secret.get_secret_value()
        if secret:
            couriers |= dict.fromkeys((RESULT, ANSWER), JsonCourier(sender, Signer(secret_key(secret)), render_event))
        if settings.votbox.accounts:
            couriers[PROGRESS] = QueryCourier(notice_sender, notice_url)
        if settings.smtp.host:
            couriers[MAIL] = MailCourier(_mail_server(settings.smtp), recordings.find)
        self.webhooks = Webhooks(store, couriers, give_up_after_h=webhooks.give_up_after_h) if couriers else None
        """None: nothing in the settings asks for deliveries."""


def _mail_server(smtp: Smtp) -> MailServer:
    password = smtp.password.get_secret_value()
    return MailServer(smtp.host, smtp.port, smtp.sender, smtp.tls, smtp.username, password, smtp.timeout_s)
