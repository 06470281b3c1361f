# SPDX-License-Identifier: MIT
"""A server of Python's websockets, on an event loop of its own."""

import asyncio
import threading

import websockets

from harness.wait import PATIENCE


class WebSocketServer:
    """handler(ws) is a coroutine for each connection; options are those of websockets.serve()."""

    def __init__(self, handler, **options):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self._run(self._serve(handler, options))
        self.port = self.server.sockets[0].getsockname()[1]

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    async def _serve(self, handler, options):
        return await websockets.serve(handler, "127.0.0.1", 0, max_size=None, **options)

    async def _end(self):
        self.server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self):
        self._run(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
        self.loop.close()
