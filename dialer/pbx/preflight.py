"""What must be in place in an Asterisk before anything is dialled through it."""

from collections.abc import Sequence

from dialer.pbx.ami import AmiClient, AmiRefusedError

DIALPLAN_VERSION = "8"
"""The extension of [autodialer-version] in dialplan/extensions_autodialer.conf."""
MODULES = (
    "app_dial", "app_exec", "app_mixmonitor", "app_stack", "app_userevent", "func_callerid", "func_channel",
    "func_cut", "func_db", "func_dialplan", "func_global", "func_hangupcause", "func_logic", "func_strings",
    "func_timeout", "pbx_spool", "res_agi",
)  # fmt: skip
"""What the dialplan calls, and what runs call files and FastAGI."""
MACHINE_MODULES = ("app_amd", "app_waitforsilence")
"""What listens for answering machines, needed only where a task asks for it."""
CLI_MODULES = ("res_clialiases", "res_realtime", "res_curl", "func_curl", "res_config_curl")
"""What the command `dialer` of Asterisk's CLI needs, in the order in which they are loaded …"""
LAMP_MODULES = ("func_devstate", "app_playtones")
"""… and tasks as lamps and keys of telephones. Calls do without both."""
_ABSENT = "Did not find"
"""Asterisk 22 manager.c, ShowDialPlan."""


async def find_fault(client: AmiClient, contexts: Sequence[str], *, machines: bool = False) -> str | None:
    """The first thing that an administrator must mend, in words; None when all is well. `contexts`: those of the
    settings. `machines`: some task listens for answering machines. Raises what AmiClient.action raises."""
    if not await has_extension(client, "autodialer-version", DIALPLAN_VERSION):
        return "the dialplan is not this version's: include dialplan/extensions_autodialer.conf, then 'dialplan reload'"
    for context in contexts:
        if not await has_context(client, context):
            return f"there is no context [{context}]: see [asterisk] outgoing_context, internal_context"
    needed = (*MODULES, *(MACHINE_MODULES if machines else ()))
    missing = [module for module in needed if not await has_module(client, module)]
    if missing:
        return f"modules are not loaded: {' '.join(missing)}"
    # results are removed from AstDB when they are committed
    place = {"Family": "autodialer", "Key": "preflight"}
    await client.action({"Action": "DBPut", **place, "Val": "1"})
    await client.action({"Action": "DBDel", **place})
    return None


async def has_extension(client: AmiClient, context: str, exten: str) -> bool:
    """These three raise what AmiClient.action raises, AmiRefusedError for a right that is missing."""
    try:
        await client.action({"Action": "ShowDialPlan", "Context": context, "Extension": exten})
    except AmiRefusedError as error:
        if _ABSENT not in str(error):
            raise
        return False
    return True


async def has_context(client: AmiClient, context: str) -> bool:
    try:
        await client.action({"Action": "ShowDialPlan", "Context": context, "Extension": "autodialer-preflight"})
    except AmiRefusedError as error:
        if _ABSENT not in str(error):
            raise
        return f"{_ABSENT} context" not in str(error)
    return True


async def has_module(client: AmiClient, module: str) -> bool:
    try:
        await client.action({"Action": "ModuleCheck", "Module": module})
    except AmiRefusedError as error:
        if "ermission" in str(error):
            raise
        return False
    return True
