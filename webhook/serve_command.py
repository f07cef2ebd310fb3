"""The options of `tcp-sniffer-webhook serve` and `certificates`. What they need is imported when they run."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance import log
from appliance.config.addresses import split_address

if TYPE_CHECKING:
    from webhook.certificates import Target

_NAME = "tcp-sniffer-webhook"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def register(subparsers: Any) -> None:
    serve = subparsers.add_parser("serve", help="answer the API server's admission reviews")
    serve.add_argument("--listen", type=_address, default=":8443", metavar="[HOST]:PORT", help="default: %(default)s")
    serve.add_argument("--settings", metavar="FILE", help="default: /etc/tcp-sniffer-webhook/settings.yaml, if there")
    serve.add_argument(
        "--certificates",
        type=Path,
        default=Path("/etc/tcp-sniffer-webhook-tls"),
        metavar="FOLDER",
        help="with tls.crt and tls.key, loaded again when they change (default: %(default)s)",
    )
    serve.add_argument(
        "--manage-certificates",
        action="store_true",
        help="make and renew them itself, in a Secret, in place of a folder",
    )
    serve.add_argument(
        "--client-ca",
        type=Path,
        metavar="FILE",
        help="PEM: answer reviews only to clients with a certificate of one of these authorities (default: to anybody)",
    )
    serve.add_argument(
        "--drain", type=_duration, default="5s", metavar="TIME", help="answered on after SIGTERM (default: %(default)s)"
    )
    serve.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")
    _add_target(serve)
    serve.set_defaults(handler=_serve)

    certificates = subparsers.add_parser("certificates", help="make or renew the webhook's certificates, once")
    certificates.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")
    _add_target(certificates)
    certificates.set_defaults(handler=_certificates)


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", metavar="FILE", help="default: the pod's service account, or $KUBECONFIG")
    parser.add_argument("--namespace", help="the webhook's own (default: $POD_NAMESPACE, or tcp-sniffer)")
    parser.add_argument("--service", default=_NAME, help="its Service's name (default: %(default)s)")
    parser.add_argument("--secret", default=f"{_NAME}-tls", help="with the certificates (default: %(default)s)")
    parser.add_argument(
        "--configuration", default=_NAME, help="its MutatingWebhookConfiguration (default: %(default)s)"
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="NAME",
        help="the certificate is valid for it, beside the Service's names: a DNS name or an address",
    )
    parser.add_argument("--certificate-lifetime", type=_duration, default="90d", metavar="TIME")
    parser.add_argument("--authority-lifetime", type=_duration, default="365d", metavar="TIME")


def _serve(args: argparse.Namespace) -> int:
    log.configure(args.log_level, {})
    from webhook import server

    host, port = args.listen
    options = server.Options(
        host=host,
        port=port,
        settings=args.settings,
        namespace=_namespace(args),
        kubeconfig=args.kubeconfig,
        folder=args.certificates,
        target=_target(args) if args.manage_certificates else None,
        client_ca=args.client_ca,
        drain=args.drain.total_seconds(),
    )
    return server.main(options)


def _certificates(args: argparse.Namespace) -> int:
    log.configure(args.log_level, {})
    from webhook import certificates

    return certificates.main(_target(args), args.kubeconfig)


def _target(args: argparse.Namespace) -> Target:
    from webhook.authority import Lifetimes
    from webhook.certificates import Target

    if args.authority_lifetime < 4 * args.certificate_lifetime:
        print(
            f"{_NAME}: --authority-lifetime: expected at least four times --certificate-lifetime:"
            " a certificate ends before its authority does, of which the last third is for the change",
            file=sys.stderr,
        )
        raise SystemExit(2)
    namespace = _namespace(args)
    service = f"{args.service}.{namespace}"
    names = [f"{service}.svc", f"{service}.svc.cluster.local", service, *args.name]
    lives = Lifetimes(args.certificate_lifetime, args.authority_lifetime)
    return Target(namespace, args.secret, args.configuration, names, lives)


def _namespace(args: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> str:
    return args.namespace or environment.get("POD_NAMESPACE") or "tcp-sniffer"


def _address(text: str) -> tuple[str, int]:
    """Port 0 is a free one, which the log names."""
    if found := re.fullmatch(r"(.*):0", text):
        return found[1].strip("[]"), 0
    try:
        return split_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected [HOST]:PORT, got {text!r}") from error


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"expected a time such as 30s, 5m, 12h or 90d, got {text!r}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
