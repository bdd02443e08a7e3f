"""A viewer on a bad network: what comes down to it can be lost, and held to a rate, from one moment to the next."""

from .firefox import Firefox

SERVER, VIEWER = "10.53.30.1", "10.53.30.2"


class Impaired:
    """A host with the server, where publishers are too and suffer nothing, and a wire from there to the viewer's."""

    async def start(self, network, *arguments):
        self.near, self.far = network.hosts("server", "viewer")
        network.wire(self.near, "wan", self.far, "wan")
        self.near.add(f"{SERVER}/24", "wan")
        self.far.add(f"{VIEWER}/24", "wan")
        # Firefox gathers the address that the default route has, and without one none at all.
        self.near.route(via=VIEWER)
        # What the server gives to the kernel as one message is cut before it leaves: packets are to be lost, not runs of them.
        self.near.ip("link", "set", "dev", "wan", "gso_max_segs", "1")
        self.server = await network.apus(self.near, SERVER, *arguments)
        self._network = network
        return self

    @property
    def beside(self):
        """The server for pages on its own host: they may open a camera, as those from localhost may."""
        return self.server.seen_at("127.0.0.1")

    async def publisher(self, kind):
        """A browser beside the server."""
        return await self._network.browser(self.near, kind=kind)

    async def viewer(self, kind):
        """A browser at the other end of the wire. Firefox needs no permission to watch."""
        trusted = [] if kind is Firefox else [self.server.url]
        return await self._network.browser(self.far, *trusted, kind=kind)

    def lose(self, percent):
        """So much of the media is lost from now on, each packet by chance, and on the viewer's side: at the sender's a loss is an error."""
        self.repair()
        self.far.filter(f"""
            table inet test {{
                counter lost {{ }}
                chain input {{
                    type filter hook input priority filter
                    udp sport {self.server.udp_port} numgen random mod 100 < {percent} counter name lost drop
                }}
            }}""")

    def repair(self):
        """Nothing is lost any more."""
        self.far.filter("table inet test\ndelete table inet test")

    def lost(self):
        """How many packets have been lost since `lose`."""
        return self.far.counted("lost")

    def cap(self, kilobits):
        """The link carries so much each second, and lets nothing wait for more than 300 ms."""
        self.near.run("tc", "qdisc", "replace", "dev", "wan", "root", "tbf", "rate", f"{kilobits}kbit", "burst", "4kb", "latency", "300ms")

    def lift(self):
        """The link carries everything again."""
        self.near.run("tc", "qdisc", "delete", "dev", "wan", "root")
