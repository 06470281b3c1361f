# A local site, published through a machine with a public address: what users of inlets type
replace 9090 port
replace 3000 port
replace 8000 port
replace IP-OF-EXIT-NODE 127.0.0.1
" At home a site runs that nobody else can reach.
home $ mkdir site && echo '<h1>Hello from home</h1>' >site/index.html
site & python3 -m http.server 3000 --bind 127.0.0.1 --directory site
site > Serving HTTP
" On the exit node, a small machine with a public address:
exit-node $ export token=$(head -c 16 /dev/urandom | sha1sum | cut -d" " -f1)
exit-node $ (umask 077; echo "$token" >token)   # to be copied to the machine at home
exit-node & tunnel server --port=9090 --token="$token"
exit-node > listening on port 9090
" At home, with the same token in $TOKEN:
home $ export TOKEN=$(cat token)
home $ export REMOTE="IP-OF-EXIT-NODE:9090"
home & tunnel client --remote=$REMOTE --upstream=http://127.0.0.1:3000 --token $TOKEN
home > is published at
" Anyone:
visitor $ curl http://IP-OF-EXIT-NODE:9090/
visitor > <h1>Hello from home</h1>
# A second site, each by its name
home ^C
home $ mkdir api && echo '{"api": "answers"}' >api/status.json
api & python3 -m http.server 8000 --bind 127.0.0.1 --directory api
api > Serving HTTP
home & tunnel client --remote=$REMOTE --token $TOKEN --upstream="api.example.com=http://127.0.0.1:8000,www.example.com=http://127.0.0.1:3000"
home > www.example.com
visitor $ curl -H 'Host: api.example.com' http://IP-OF-EXIT-NODE:9090/status.json
visitor > {"api": "answers"}
visitor $ curl -H 'Host: www.example.com' http://IP-OF-EXIT-NODE:9090/
visitor > <h1>Hello from home</h1>
# The exit node restarts, and nobody needs to do anything
exit-node ^C
exit-node & tunnel server --port=9090 --token="$token"
exit-node > listening on port 9090
visitor $ curl -H 'Host: www.example.com' http://IP-OF-EXIT-NODE:9090/
visitor > <h1>Hello from home</h1>
# Somebody without the token gets nothing, and is told why
stranger & tunnel client --remote=IP-OF-EXIT-NODE:9090 --upstream=http://127.0.0.1:3000 --token=a-token-of-my-own
stranger > token
stranger ^C
stranger ! is published at
