"""The command line: `demo` walks through a server's API, `storm` does it on a bad network, `account` and `group` with two
phones; `export` takes everything out; `sign` prints a signed curl.
"""

import argparse
import json
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from handset_client.account import AccountWalk
from handset_client.calls import Attempt, Call
from handset_client.client import Client
from handset_client.demo import Demo, Unexpected
from handset_client.export import ExportWalk
from handset_client.group import GroupWalk
from handset_client.mailbox import folder_mailbox
from handset_client.outcomes import Refused
from handset_client.storage import FileStorage
from handset_client.storm import Storm
from handset_client.transport import HttpTransport, NetworkFailure


class Server(NamedTuple):
    """Where a server is, and the app key it knows us by."""

    base_url: str
    app_key_id: str
    app_key_secret: str


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 with the reason on standard error."""
    options = _parser().parse_args(arguments)
    try:
        server = _server(options)
        match options.command:
            case "demo":
                _demo(server, options)
            case "storm":
                _storm(server, options)
            case "account":
                _account(server, options)
            case "group":
                _group(server, options)
            case "export":
                _export(server, options)
            case "sign":
                print(_signed_curl(server, options))
    except (Unexpected, Refused, NetworkFailure, OSError, ValueError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    server = argparse.ArgumentParser(add_help=False)
    server.add_argument(
        "--demo-file",
        type=Path,
        default=Path("var/demo.json"),
        help='{"base_url", "app_key": {"id", "secret"}}, read unless --base-url is given',
    )
    server.add_argument("--base-url")
    server.add_argument("--app-key-id")
    server.add_argument("--app-key-secret", help="base64url")

    parser = argparse.ArgumentParser(prog="handset-client", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", parents=[server], help="walk through the API")
    demo.add_argument("--state", type=Path, help="directory; what is there is forgotten")
    demo.add_argument("--hardware-key", action="store_true", help="register with a P-256 key")
    storm = commands.add_parser("storm", parents=[server], help="a phone's day while a third of all answers is lost")
    storm.add_argument("--contacts", type=int, default=12, help="how many the phone creates (default 12)")
    # With this one something is lost of every kind of call.
    storm.add_argument("--seed", type=int, default=2505, help="decides which attempts are lost (default 2505)")
    mail = argparse.ArgumentParser(add_help=False)
    mail.add_argument(
        "--mail",
        type=Path,
        default=Path("var/mail"),
        help="the folder that the server writes mails to (EMAIL_PROVIDER=file; default var/mail)",
    )
    commands.add_parser("account", parents=[server, mail], help="a guest's way to an account on two phones")
    commands.add_parser("group", parents=[server, mail], help="a group on two phones, and a service with an API key")
    export = commands.add_parser("export", parents=[server, mail], help="an archive, followed and fetched by its mail")
    export.add_argument("--contacts", type=int, default=3000, help="how many are in it (default 3000)")
    export.add_argument("--to", type=Path, help="where to keep the archive")
    sign = commands.add_parser("sign", parents=[server], help="print a signed curl")
    sign.add_argument("--state", type=Path, required=True, help="directory of the installation")
    sign.add_argument("--data", default="", help="JSON body, sent as it is")
    sign.add_argument("method", type=str.upper)
    sign.add_argument("path", help="relative to /api/v1/, with its query")
    return parser


def _server(options: argparse.Namespace) -> Server:
    """Raises ValueError, OSError when it is nowhere to be found."""
    if options.base_url:
        if not options.app_key_id or not options.app_key_secret:
            raise ValueError("--base-url needs --app-key-id and --app-key-secret")
        return Server(options.base_url, options.app_key_id, options.app_key_secret)
    try:
        document = json.loads(options.demo_file.read_text())
        app_key = document["app_key"]
        return Server(document["base_url"], app_key["id"], app_key["secret"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{options.demo_file} lacks base_url or app_key: {error}") from error


def _demo(server: Server, options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        demo = Demo(
            *server,
            transport=HttpTransport(),
            state_directory=options.state or Path(temporary),
            hardware_key=options.hardware_key,
        )
        demo.run()


def _storm(server: Server, options: argparse.Namespace) -> None:
    if options.contacts < 1:
        raise ValueError("--contacts has to be 1 or more")
    with tempfile.TemporaryDirectory() as temporary:
        storm = Storm(
            *server,
            transport=HttpTransport(),
            state_directory=Path(temporary),
            contacts=options.contacts,
            seed=options.seed,
        )
        storm.run()


def _account(server: Server, options: argparse.Namespace) -> None:
    transport = HttpTransport()
    walk = AccountWalk(
        lambda: Client(*server, transport=transport),
        mailbox=folder_mailbox(options.mail),
        wait_for_mail=lambda: time.sleep(0.5),
    )
    walk.run()


def _group(server: Server, options: argparse.Namespace) -> None:
    transport = HttpTransport()
    walk = GroupWalk(
        server.base_url,
        lambda: Client(*server, transport=transport),
        transport=transport,
        mailbox=folder_mailbox(options.mail),
        wait_for_mail=lambda: time.sleep(0.5),
    )
    walk.run()


def _export(server: Server, options: argparse.Namespace) -> None:
    transport = HttpTransport()
    walk = ExportWalk(
        server.base_url,
        lambda: Client(*server, transport=transport),
        transport=transport,
        mailbox=folder_mailbox(options.mail),
        wait=lambda: time.sleep(0.5),
        contacts=options.contacts,
    )
    archive = walk.run()
    if options.to:
        options.to.write_bytes(archive)


def _signed_curl(server: Server, options: argparse.Namespace) -> str:
    client = Client(
        *server,
        transport=HttpTransport(),
        storage=FileStorage(options.state / "state.json"),
    )
    client.get_token()  # so that what is printed works for as long as a token lives
    path, _, query = options.path.partition("?")
    headers = {"Content-Type": "application/json"} if options.data else {}
    call = Call(options.method, path, query, options.data.encode(), headers, is_signed=True)
    return _curl(client.prepare(call))


def _curl(attempt: Attempt) -> str:
    words = ["curl", "--include", "--request", attempt.method]
    for name, value in attempt.headers.items():
        words += ["--header", f"{name}: {value}"]
    if attempt.body:
        words += ["--data-raw", attempt.body.decode()]
    return shlex.join([*words, attempt.url])


if __name__ == "__main__":
    sys.exit(main())
