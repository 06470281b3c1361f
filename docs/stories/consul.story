# A web program and its Redis on two machines: denied while connections are held, and allowed again
replace 9090 port
replace 6380 port
replace 6379 port
replace 8000 port
replace IP-OF-EXIT-NODE 127.0.0.1
" On the exit node: a token for each machine.
exit-node & tunnel server --port=9090
exit-node > listening on port 9090
operator $ tunnel token create redis-host --publish=redis --out=redis-host.token
operator $ tunnel token create web --consume=redis --out=web.token
" One machine has Redis, and lets web use it without asking each time.
redis & redis-server --bind 127.0.0.1 --port 6380 --save '' | grep Ready
redis > Ready to accept connections
redis-host & tunnel client --remote=IP-OF-EXIT-NODE:9090 --token-from=redis-host.token --upstream=tcp://127.0.0.1:6380 --private=redis --visibility=web --auto-approve=web
redis-host > redis is private
" The other has that Redis at 127.0.0.1:6379, and a program that counts its visits there.
web-host & tunnel connect --remote=IP-OF-EXIT-NODE:9090 --token-from=web.token --service=redis=6379
web-host > listening on
web $ cat >page.py <<'END'
web $ import http.server, redis
web $ counter = redis.Redis("127.0.0.1", 6379)  # it keeps its connections
web $ class Page(http.server.BaseHTTPRequestHandler):
web $     def do_GET(self):
web $         try:
web $             text = "visit %d\n" % counter.incr("visits")
web $         except redis.ConnectionError as error:
web $             text = "no counter: %s\n" % error
web $         self.send_response(200)
web $         self.end_headers()
web $         self.wfile.write(text.encode())
web $ server = http.server.HTTPServer(("127.0.0.1", 8000), Page)
web $ print("ready", flush=True)
web $ server.serve_forever()
web $ END
web & python3 page.py
web > ready
visitor $ curl http://127.0.0.1:8000/
visitor > visit 1
operator $ tunnel intention check web redis
operator > Allowed
# Denied: what is live is cut, and nothing new passes
operator $ tunnel intention create --deny web redis
operator > cut 1 stream
visitor $ curl http://127.0.0.1:8000/
visitor > no counter
operator $ tunnel intention check web redis || echo "status $?"
operator > Denied
operator > status 1
# Allowed again: it counts on, and nothing was started anew
operator $ tunnel intention create --replace --allow web redis
visitor $ curl http://127.0.0.1:8000/
visitor > visit 2
# Nobody may anything but web its Redis: the exact intention counts before the others
operator $ tunnel intention create --deny '*' '*'
operator $ tunnel intention list
operator > deny
visitor $ curl http://127.0.0.1:8000/
visitor > visit 3
