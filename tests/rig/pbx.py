"""One Asterisk for tests, in a work folder of its own, on loopback, with ports of its own."""

import asyncio
import contextlib
import re
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from dialer.model.access import cli_token
from tests.rig.ports import PortBlock
from tests.rig.waiting import WaitTimeout, wait_for_answer, wait_until

RIG_DIR = Path(__file__).resolve().parent
REPO_DIR = RIG_DIR.parents[1]
TEMPLATE_DIR = RIG_DIR / "etc"

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
RX_TIMEOUT_S = 10.0
LOG_TAIL_LINES = 40

# Employees 201 to 208 are SIPp; 209 is configured, but nobody listens there.
EMPLOYEES = range(201, 210)
UNREACHABLE_EMPLOYEE = 209

# Indices in the port block.
_UNITS = 10  # 200 subscribers and 200 employees at once, RTP and RTCP each, and some to spare
_SIP, _AMI, _DEAD_PROVIDER, _DEAD_EMPLOYEE, _RTP_START, _RTP_END = 1, 1, 2, 3, 100, 999
_CLI = 2  # TCP

# sun_path is 108 bytes with its final zero (unix(7)).
_LONGEST_SOCKET_PATH = 107


class PbxError(RuntimeError):
    """Asterisk could not be started, stopped or asked; the message holds the end of its log."""


class Pbx:
    """One Asterisk instance. `start()` may follow `stop()` or `kill()`: same folder, same ports, same AstDB."""

    ami_username = "autodialer"
    ami_secret = "rig-daemon-secret"
    observer_username = "observer"
    observer_secret = "rig-observer-secret"

    def __init__(
        self,
        workdir: Path,
        *,
        provider_port: int,
        employees_port: int,
        registrar_port: int | None = None,
        dialplan_globals: Mapping[str, str] | None = None,
        templates: Path | None = None,
    ) -> None:
        """Take ports; nothing runs yet. `templates`: a folder of files that stand in for the rig's own of that name.

        `dialplan_globals` are written to [globals] of extensions.conf at every start. Without `registrar_port`
        there is no registration.
        """
        self.workdir = workdir.resolve()
        self.etc_dir = self.workdir / "etc"
        self.spool_dir = self.workdir / "spool" / "outgoing"
        self.log_file = self.workdir / "log" / "messages"
        self._control_socket = self.workdir / "run" / "asterisk.ctl"
        if len(str(self._control_socket)) > _LONGEST_SOCKET_PATH:
            raise ValueError(f"path is too long for a Unix socket, take a shorter work folder: {self._control_socket}")
        self.dialplan_globals = dict(dialplan_globals or {})
        self._templates = [TEMPLATE_DIR, *([templates] if templates else [])]
        self._provider_port = provider_port
        self._employees_port = employees_port
        self._registrar_port = registrar_port
        self._ports = PortBlock(udp_ports=_DEAD_EMPLOYEE, tcp_ports=_CLI, units=_UNITS)
        self.sip_port = self._ports.port(_SIP)
        self.ami_port = self._ports.port(_AMI)
        self.cli_port = self._ports.port(_CLI)
        """Where the daemon answers what is typed at this Asterisk's CLI."""
        self._process: asyncio.subprocess.Process | None = None
        self._killed = False

    @property
    def pid(self) -> int:
        """Return the process id of Asterisk itself; PbxError when it does not run."""
        if self._process is None or self._process.returncode is not None:
            raise PbxError("Asterisk is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there (not whether it is fully booted)."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Write the configuration, start Asterisk, return when it is fully booted and AMI accepts connections."""
        if self._process is not None:
            if self._process.returncode is None and self._killed:
                await self._process.wait()
            if self._process.returncode is None:
                raise PbxError("Asterisk is running already")
        self._killed = False
        root = await asyncio.to_thread(asterisk_root)
        self._write_workdir(root)
        # A socket left by a killed Asterisk must not be taken for the new one's.
        self._control_socket.unlink(missing_ok=True)
        with (self.workdir / "log" / "console").open("ab") as console:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(root), stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
            )
        try:
            await wait_for_answer(self._fully_booted, bool, "control socket of Asterisk", START_TIMEOUT_S)
            await wait_until(self._ami_accepts, "AMI port of Asterisk", START_TIMEOUT_S)
        except (WaitTimeout, TimeoutError, OSError, PbxError) as error:
            self.kill()
            raise PbxError(f"Asterisk did not start: {error}\n{self.log_tail()}") from error

    async def stop(self) -> None:
        """Stop Asterisk and hang up all calls; killed when it has not gone after a while. Harmless when repeated."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(OSError, TimeoutError, PbxError):
                await self.rx("core stop now")
            try:
                await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
            except TimeoutError:
                self.kill()
                await process.wait()

    async def close(self) -> None:
        """Stop for good and give the ports back."""
        await self.stop()
        self._ports.release()

    def kill(self) -> None:
        """SIGKILL, at once, as a power cut would. `start()` again works afterwards."""
        if self._process is not None and self._process.returncode is None:
            self._killed = True
            self._process.send_signal(signal.SIGKILL)

    async def rx(self, command: str) -> str:
        """Return what `asterisk -rx COMMAND` prints; speaks to the control socket itself, which takes 1 ms, not 100."""
        return await asyncio.wait_for(self._ask_control_socket(command), RX_TIMEOUT_S)

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines of Asterisk's log and of its standard output."""
        parts = []
        for path in (self.workdir / "log" / "console", self.log_file):
            with contextlib.suppress(OSError):
                text = path.read_text(errors="replace").splitlines()
                parts.append(f"--- {path}\n" + "\n".join(text[-lines:]))
        return "\n".join(parts)

    async def _ask_control_socket(self, command: str) -> str:
        reader, writer = await asyncio.open_unix_connection(self._control_socket)
        try:
            await reader.readline()  # "host/pid/version"
            # Asterisk 22 main/asterisk.c netconsole(): with this prefix it answers and closes.
            writer.write(b"cli quit after " + command.encode() + b"\0")
            await writer.drain()
            return (await reader.read()).replace(b"\0", b"").decode(errors="replace")
        finally:
            writer.close()

    async def _fully_booted(self) -> bool:
        """Wait for it, once there is somebody to ask. Whoever connects early stays until the answer: Asterisk dies of
        SIGPIPE when a console is gone before it ignores that signal (Asterisk 22 asterisk.c, netconsole)."""
        if not self.is_running:
            raise PbxError("the process ended")
        try:
            await asyncio.wait_for(self._ask_control_socket("core waitfullybooted"), START_TIMEOUT_S)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    def _ami_accepts(self) -> bool:
        return _accepts(socket.AF_INET, ("127.0.0.1", self.ami_port))

    def console_command(self, root: Path) -> list[str]:
        """What an operator runs: an interactive console of this Asterisk."""
        return self._command(root, "-rvvv")

    def _command(self, root: Path, *options: str) -> list[str]:
        asterisk = ["/usr/sbin/asterisk", *(options or ("-f", "-n")), "-C", str(self.etc_dir / "asterisk.conf")]
        # Nothing stays behind when the test process dies.
        tied_to_us = ["setpriv", "--pdeathsig", "KILL", "--"]
        if root == Path("/"):
            return [*tied_to_us, *asterisk]
        into_root = ["unshare", "--mount", "--propagation", "private", str(RIG_DIR / "enter_root.sh")]
        hosts = self.workdir / "run" / "hosts"
        folders = [str(self.workdir), str(REPO_DIR)]
        return [*tied_to_us, *into_root, str(root), str(hosts), *folders, "--", *asterisk]

    def _write_workdir(self, root: Path) -> None:
        for folder in ("etc", "spool/outgoing", "spool/outgoing_done", "spool/tmp", "varlib/moh", "log", "run"):
            (self.workdir / folder).mkdir(parents=True, exist_ok=True)
        (self.workdir / "run" / "hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n")
        # Something for those on hold: one second of silence, 8 kHz ulaw.
        (self.workdir / "varlib" / "moh" / "silence.ulaw").write_bytes(b"\xff" * 8_000)
        values = {
            "WORK_DIR": str(self.workdir),
            "ETC_DIR": str(self.etc_dir),
            "REPO_DIR": str(REPO_DIR),
            "MODULES_DIR": modules_dir(root),
            "SIP_PORT": str(self.sip_port),
            "AMI_PORT": str(self.ami_port),
            "RTP_START": str(self._ports.port(_RTP_START)),
            "RTP_END": str(self._ports.port(_RTP_END)),
            "PROVIDER_PORT": str(self._provider_port),
            "REGISTRAR_PORT": str(self._registrar_port or self._ports.port(_DEAD_PROVIDER)),
            "REGISTRATION": self._registration_section(),
            "DEAD_PORT": str(self._ports.port(_DEAD_PROVIDER)),
            "EMPLOYEES": self._employee_sections(),
            "GLOBALS": "\n".join(f"{name} = {value}" for name, value in self.dialplan_globals.items()),
            "OBSERVER_USERNAME": self.observer_username,
            "OBSERVER_SECRET": self.observer_secret,
        }
        for template in (file for folder in self._templates for file in folder.glob("*.conf")):
            (self.etc_dir / template.name).write_text(fill_in(template.read_text(), values))
        # The daemon's own user, as an administrator installs it: only the secret is changed.
        manager = (REPO_DIR / "dialplan" / "manager_autodialer.conf").read_text()
        (self.etc_dir / "manager_autodialer.conf").write_text(manager.replace("CHANGE-ME", self.ami_secret))
        # Likewise the classes of its melodies: only the folder is changed, to [audio] dir of daemon.py.
        classes = (REPO_DIR / "dialplan" / "musiconhold_autodialer.conf").read_text()
        (self.etc_dir / "musiconhold_autodialer.conf").write_text(
            classes.replace("/var/lib/autodialer/audio/", f"{self.workdir / 'audio'}/")
        )

        extconfig = (REPO_DIR / "dialplan" / "extconfig_autodialer.conf").read_text()
        token = cli_token(self.ami_secret)
        (self.etc_dir / "extconfig_autodialer.conf").write_text(
            extconfig.replace("4574", str(self.cli_port))
            .replace("CHANGE-ME", token)
            .replace("file:///etc/asterisk/", f"file://{self.etc_dir}/")
        )

    def _registration_section(self) -> str:
        """Our registration with the registrar that refuses it; none where there is no registrar."""
        if self._registrar_port is None:
            return ""
        return (
            "[provider-unregistered]\ntype = registration\ntransport = transport-udp\n"
            f"server_uri = sip:127.0.0.1:{self._registrar_port}\n"
            f"client_uri = sip:rig@127.0.0.1:{self._registrar_port}\n"
            "endpoint = provider-unregistered\nline = yes\n"
            # refused for good: no second try within a test
            "auth_rejection_permanent = yes\nforbidden_retry_interval = 0"
        )

    def _employee_sections(self) -> str:
        sections = []
        for employee in EMPLOYEES:
            dead = employee == UNREACHABLE_EMPLOYEE
            port = self._ports.port(_DEAD_EMPLOYEE) if dead else self._employees_port
            sections.append(
                f"\n[{employee}](employee)\naors = {employee}\n"
                f"\n[{employee}](desk)\ncontact = sip:{employee}@127.0.0.1:{port}"
            )
        return "\n".join(sections)


def asterisk_root() -> Path:
    """Return the root folder that holds Asterisk, built by asterisk_root.sh when it is not there yet."""
    script = RIG_DIR / "asterisk_root.sh"
    done = subprocess.run([script], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise PbxError(f"{script} failed with exit code {done.returncode}; what it said is on stderr")
    return Path(done.stdout.splitlines()[-1])


def modules_dir(root: Path) -> str:
    """Return Asterisk's module folder as seen inside `root` (it names the machine's architecture)."""
    for library_dir in ("usr/lib", "usr/lib64"):
        for folder in [root / library_dir, *sorted((root / library_dir).glob("*-linux-gnu"))]:
            if (folder / "asterisk" / "modules" / "chan_pjsip.so").exists():
                return "/" + str((folder / "asterisk" / "modules").relative_to(root))
    raise PbxError(f"no Asterisk modules below {root}/usr/lib; is asterisk installed there?")


def fill_in(template: str, values: Mapping[str, str]) -> str:
    """Replace each @NAME@; KeyError on a name without a value. `${…}` belongs to the dialplan and stays."""
    return re.sub(r"@([A-Z][A-Z_]*)@", lambda match: values[match[1]], template)


def _accepts(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(address) == 0
