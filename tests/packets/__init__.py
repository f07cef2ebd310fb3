"""Writes captures: packets of every kind the sniffer reads, and whole TCP connections step by step."""

from packets.conversation import Conversation
from packets.files import pcap, pcapng
from packets.links import Link
from packets.segment import ACK, FIN, PSH, RST, SYN, Segment

__all__ = ["ACK", "FIN", "PSH", "RST", "SYN", "Conversation", "Link", "Segment", "pcap", "pcapng"]
