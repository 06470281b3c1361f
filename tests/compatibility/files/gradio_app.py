# SPDX-License-Identifier: MIT
"""A function that answers in steps, and one that takes a file."""

import hashlib
import pathlib
import sys
import time

import gradio


def count(name):
    for i in range(1, 4):
        yield "%s %d" % (name, i)
        time.sleep(0.1)


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest() if path else ""


with gradio.Blocks(title="Gradio says hello") as page:
    name = gradio.Textbox(label="Name", elem_id="name")
    answer = gradio.Textbox(label="Answer", elem_id="answer")
    gradio.Button("Count", elem_id="count").click(count, name, answer)
    sent = gradio.File(label="File", elem_id="file")
    hashed = gradio.Textbox(label="Digest", elem_id="digest")
    sent.change(digest, sent, hashed)

page.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True)
