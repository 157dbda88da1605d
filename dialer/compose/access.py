"""Who gets in, and where they say who they are."""

from dialer.api.access.addresses import Peers
from dialer.api.access.gate import Gate
from dialer.api.access.login import Login
from dialer.api.access.passwords import Password
from dialer.config import Settings
from dialer.store.database import Store


def build_gate(settings: Settings, store: Store) -> tuple[Gate, Login]:
    http, auth = settings.http, settings.auth
    password = Password(auth.login, auth.password_hash.get_secret_value())
    peers = Peers(http.trusted_proxies, own_tls=http.tls_certificate is not None)
    gate = Gate(store, peers, password, trust_local=auth.trust_local)
    return gate, Login(store, gate, password)
