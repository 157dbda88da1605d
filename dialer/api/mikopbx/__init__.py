"""The API of MikoPBX's ModuleAutoDialer."""

MIKOPBX_BASE = "/pbxcore/api/module-dialer/v1"
