# SPDX-License-Identifier: MIT
"""A page with a button, and one that takes a file."""

import hashlib

import streamlit

streamlit.title("Streamlit says hello")
if streamlit.button("Count"):
    streamlit.session_state.count = streamlit.session_state.get("count", 0) + 1
streamlit.write("count %d" % streamlit.session_state.get("count", 0))
sent = streamlit.file_uploader("File")
if sent:
    streamlit.write("sha256 " + hashlib.sha256(sent.getvalue()).hexdigest())
