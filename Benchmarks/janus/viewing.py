"""Two offers, a WHEP viewer's and Janus's, made into an answer to each.

Janus offers to its viewers and WHEP's viewers offer too, so each side gets for an answer what the other has offered: its ICE credentials, its
fingerprint, its candidates and what both know of codecs and extensions. Sections are matched by kind, in order; all are one bundle.
"""

import re


class Section:
    """A media section's lines, with what is said once for the whole session where the section itself does not say it."""

    def __init__(self, lines, session):
        self.lines, self.session = lines, session
        self.kind, _, self.protocol, *self.formats = lines[0][2:].split()

    def all(self, name):
        return [line[len(name) + 3 :] for line in self.lines if line.startswith(f"a={name}:")]

    def one(self, name):
        own = self.all(name)
        return own[0] if own else next((line[len(name) + 3 :] for line in self.session if line.startswith(f"a={name}:")), None)

    def codecs(self):
        """Payload type: name and clock, in lower case."""
        return dict(value.lower().split(" ", 1) for value in self.all("rtpmap"))

    def feedback(self, codec):
        types = {format for format, name in self.codecs().items() if name == codec} | {"*"}
        return {value.split(" ", 1)[1] for value in self.all("rtcp-fb") if value.split(" ", 1)[0] in types}


def parse(sdp):
    """The lines before the first section, and the sections."""
    parts = re.split(r"(?m)^(?=m=)", sdp.replace("\r\n", "\n"))
    session, *sections = [part.rstrip("\n").split("\n") for part in parts]
    return session, [Section(lines, session) for lines in sections]


def swap_offers(client_offer, janus_offer):
    """The answer to the client, and the one to Janus."""
    client_session, client_sections = parse(client_offer)
    janus_session, janus_sections = parse(janus_offer)
    free = list(janus_sections)
    pairs = []  # in the client's order: (client's section, Janus's or None)
    for section in client_sections:
        match = next((candidate for candidate in free if candidate.kind == section.kind), None)
        pairs.append((section, match))
        if match:
            free.remove(match)
    # A client that may be either is DTLS's client, as viewers in browsers are towards Apus.
    client_setup = "passive" if client_sections[0].one("setup") == "passive" else "active"
    janus_setup = "active" if client_setup == "passive" else "passive"
    to_client = answer(pairs, janus_sections[0], janus_setup, "sendonly", is_lite="a=ice-lite" in janus_session)
    by_janus = {id(theirs): mine for mine, theirs in pairs if theirs}
    reversed_pairs = [(section, by_janus.get(id(section))) for section in janus_sections]
    to_janus = answer(reversed_pairs, client_sections[0], client_setup, "recvonly", is_lite=False)
    return to_client, to_janus


def answer(pairs, source, setup, direction, is_lite):
    """Answers the first of each pair with what the second offers. `source` has the credentials of the bundle."""
    mids = [asked.one("mid") for asked, other in pairs if other]
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {' '.join(mids)}"] + ["a=ice-lite"] * is_lite
    for asked, other in pairs:
        if other:
            lines += section_answer(asked, other, source, setup, direction)
        else:
            lines += [f"m={asked.kind} 0 {asked.protocol} {' '.join(asked.formats)}", "c=IN IP4 0.0.0.0", f"a=mid:{asked.one('mid')}", "a=inactive"]
    return "\r\n".join(lines) + "\r\n"


def section_answer(asked, other, source, setup, direction):
    # What is sent has Janus's numbers, since it gives a packet no others: they stand in both answers.
    numbered = other if direction == "sendonly" else asked
    common = set(asked.codecs().values()) & set(other.codecs().values())
    formats = [format for format in numbered.formats if numbered.codecs().get(format) in common]
    lines = [
        f"m={asked.kind} 9 {asked.protocol} {' '.join(formats)}", "c=IN IP4 0.0.0.0", f"a=mid:{asked.one('mid')}", f"a={direction}", "a=rtcp-mux",
        f"a=ice-ufrag:{source.one('ice-ufrag')}", f"a=ice-pwd:{source.one('ice-pwd')}", f"a=fingerprint:{source.one('fingerprint')}",
        f"a=setup:{setup}",
    ]  # fmt: skip
    for format in formats:
        codec = numbered.codecs()[format]
        lines += [f"a=rtpmap:{value}" for value in numbered.all("rtpmap") if value.split(" ")[0] == format]
        lines += [f"a=fmtp:{value}" for value in numbered.all("fmtp") if value.split(" ")[0] == format]
        lines += [f"a=rtcp-fb:{format} {kind}" for kind in sorted(asked.feedback(codec) & other.feedback(codec))]
    lines += [f"a=extmap:{value}" for value in asked.all("extmap") if value in other.all("extmap")]
    if direction == "sendonly":
        lines += [f"a=msid:{value}" for value in other.all("msid")] + [f"a=ssrc:{value}" for value in other.all("ssrc")]
    return lines + [f"a=candidate:{value}" for value in source.all("candidate")]
