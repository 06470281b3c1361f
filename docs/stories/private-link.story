# A private service: asked for by its alias, approved by its owner, cut when it is rejected
replace 9090 port
replace 8080 port
replace 8081 port
replace IP-OF-EXIT-NODE 127.0.0.1
" The API team has a service on a machine that nobody else can reach, here an nginx.
nginx $ cat >nginx.conf <<'END'
nginx $ daemon off; master_process off; pid nginx.pid; error_log stderr notice; events {}
nginx $ http {
nginx $   access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
nginx $   server {
nginx $     listen 127.0.0.1:8080;
nginx $     location / { return 200 "Hello from Super API\n"; }
nginx $     location /report { root .; limit_rate 500k; }
nginx $   }
nginx $ }
nginx $ END
nginx $ truncate -s 100M report
nginx & nginx -e stderr -p . -c nginx.conf
nginx > using the
" On the exit node: a token for each team, and what the API team may publish.
exit-node & tunnel server --port=9090
exit-node > listening on port 9090
operator $ tunnel token create api-team --publish=super-api --out=api-team.token
operator $ tunnel token create web --out=web.token
" The API team publishes it: without a public name or port, for all who have its alias.
api-host $ export TUNNEL_REMOTE=IP-OF-EXIT-NODE:9090 TUNNEL_TOKEN_FROM=api-team.token
api-host & tunnel client --upstream=tcp://127.0.0.1:8080 --private=super-api --visibility='*'
api-host > super-api is private
api-host = ALIAS super-api is private: (\S+)
" The web team was given the alias, and asks.
web-host $ export TUNNEL_REMOTE=IP-OF-EXIT-NODE:9090 TUNNEL_TOKEN_FROM=web.token
web-host & tunnel connect --service=ALIAS=8081 --message="web team, ticket 4711"
web-host > is pending
visitor $ curl http://127.0.0.1:8081/ || echo "curl ended with status $?"
visitor > curl ended with status 7
# Its owner approves
owner $ export TUNNEL_REMOTE=IP-OF-EXIT-NODE:9090 TUNNEL_TOKEN_FROM=api-team.token
owner $ tunnel endpoint list --remote=$TUNNEL_REMOTE
owner > web team, ticket 4711
owner = ID (web\.[0-9a-f]+)
owner $ tunnel endpoint approve ID --description="ticket 4711" --remote=$TUNNEL_REMOTE
web-host > listening on
visitor $ curl http://127.0.0.1:8081/
visitor > Hello from Super API
# What is rejected ends while it is under way
visitor & curl -o /dev/null -sS http://127.0.0.1:8081/report || echo "curl ended with status $?"
owner $ while ! tunnel endpoint list --remote=$TUNNEL_REMOTE --query='[].properties.streams' -o tsv | grep -q 1; do sleep 0.1; done
owner $ tunnel endpoint reject ID --description="not this quarter" --remote=$TUNNEL_REMOTE
owner > cut 1 stream
visitor > curl ended with status 56
web-host > not this quarter
# Approved again, it works again: nobody has to start anything
owner $ tunnel endpoint approve ID --remote=$TUNNEL_REMOTE
visitor $ curl --retry 5 --retry-connrefused --retry-delay 1 http://127.0.0.1:8081/
visitor > Hello from Super API
