# SPDX-License-Identifier: MIT
"""Words of our own, for which the trade has a word, do not come back as parts of names."""

import re

import sources

# What was called so, and what it is called now.
WORDS = {
    "arrival": "sniff", "bond": "client_session", "branch": "service_shard", "bypass": "no_proxy",
    "cable": "client_link", "caller": "tcp_conn", "carrier": "link_io", "census": "limits",
    "door": "listener_config, admission, handoff", "entrance": "accepted_conn",
    "gate": "listeners", "greet": "link_handshake", "guest": "preread", "hatch": "udp_port",
    "judge": "check, validate, verify", "keymaker": "key_cache", "knock": "connector",
    "lane": "pooled_stream", "newcomer": "handoff", "obey": "link_execute",
    "offering": "publication", "outlet": "upstream_conn", "presence": "session_shard",
    "roll": "flow_table", "tale": "registrar_event", "tally": "address_count",
    "trunk": "server_link", "turnstile": "fair_queue", "unplug": "conn_detach",
}
# Comments and strings are prose, where a door may be one.
PROSE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def main():
    found = {}
    for path in sources.files(".c", ".h"):
        for name in re.findall(r"[A-Za-z]\w*", PROSE.sub(" ", sources.text(path))):
            for part in name.lower().split("_"):
                if word := {part, part.removesuffix("s")} & WORDS.keys():
                    found[path, name] = WORDS[word.pop()]
    sources.finish([f"{path}: {name}: the word is {word}"
                    for (path, name), word in found.items()])


main()
