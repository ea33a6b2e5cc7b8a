"""A DNS server with dnslib that answers over TCP, on the port given: each name has the address 127.0.0.1."""
import sys

from dnslib import RR
from dnslib.server import BaseResolver, DNSServer


class Resolver(BaseResolver):
    def resolve(self, request, handler):
        reply = request.reply()
        reply.add_answer(*RR.fromZone("%s 60 A 127.0.0.1" % request.q.qname))
        return reply


DNSServer(Resolver(), address="127.0.0.1", port=int(sys.argv[1]), tcp=True).start()
