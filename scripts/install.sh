#!/bin/sh
# Installs the tunnel from a release: its program, its man pages, and its units where systemd runs.
#
#	curl -fsSL https://HOST/DIR/install.sh | sudo sh -s -- --base-url https://HOST/DIR
#	wget -qO- https://HOST/DIR/install.sh | sudo sh -s -- --base-url https://HOST/DIR
#
#	--base-url URL	the folder of the release: SHA256SUMS and the archives; else $TUNNEL_BASE_URL
#	--version X	this one of several there
#	--prefix DIR	where to, instead of /usr/local
#
# Nothing is installed before the archive's checksum and the program itself were tried, and nothing is
# started. For any POSIX shell, busybox's included; it runs from its last line, so half of it does nothing.
set -eu

# scripts/release --base-url writes the release's own folder here.
default_base_url=

say() {
	printf '%s\n' "$*"
}

fail() {
	printf 'install.sh: %s\n' "$*" >&2
	exit 1
}

has() {
	command -v "$1" >/dev/null 2>&1
}

usage() {
	say "install.sh [--base-url URL] [--version X] [--prefix DIR]: see its first lines"
}

# The release's word for this machine.
find_architecture() {
	[ "$(uname -s)" = Linux ] || fail "this is $(uname -s), and there are releases for Linux alone; build it from source"
	case $(uname -m) in
	x86_64 | amd64) architecture=amd64 ;;
	aarch64 | arm64) architecture=arm64 ;;
	riscv64) architecture=riscv64 ;;
	ppc64le) architecture=ppc64el ;;
	s390x) architecture=s390x ;;
	*) fail "there is no release for this machine's processor, $(uname -m); build it from source" ;;
	esac
	# A kernel of 64 bits under programs of 32.
	if has getconf && [ "$(getconf LONG_BIT 2>/dev/null || echo 64)" != 64 ]; then
		fail "the programs on this machine are of 32 bits, and there are releases for 64 alone; build it from source"
	fi
}

# What comes without TLS proves nothing, its checksum included: not from another machine.
check_base_url() {
	[ -n "$base_url" ] || fail "from where? Name the release's folder: --base-url https://HOST/DIR, or TUNNEL_BASE_URL"
	case $base_url in
	https://* | http://127.0.0.1[:/]* | http://localhost[:/]* | "http://[::1]"[:/]*) ;;
	http://*) fail "$base_url: anybody on the way could change what is installed; use https://" ;;
	*) fail "$base_url is no https:// address" ;;
	esac
	base_url=${base_url%/}
}

# fetch URL FILE: what begins with TLS is not redirected to where there is none. wget has no option for that:
# to it the rest of the web is behind a proxy that is not there (the port of discard).
fetch() {
	case $1 in
	https://*) schemes='=https' nowhere=http://127.0.0.1:9 ;;
	*) schemes='=http,https' nowhere=${http_proxy-} ;;
	esac
	if has curl; then
		curl -fsSL --proto-redir "$schemes" --retry 2 -o "$2" "$1"
	elif has wget; then
		http_proxy=$nowhere wget -q -O "$2" "$1"
	else
		fail "neither curl nor wget is installed"
	fi || fail "$1 could not be fetched"
}

checksum_of() {
	if has sha256sum; then
		sha256sum "$1"
	elif has shasum; then
		shasum -a 256 "$1"
	elif has openssl; then
		openssl dgst -sha256 -r "$1"
	else
		fail "none of sha256sum, shasum and openssl is installed: the download cannot be checked"
	fi | cut -d' ' -f1
}

# The line of SHA256SUMS for this machine, of the last version unless one is named: $sum and $archive.
choose_archive() {
	fetch "$base_url/SHA256SUMS" "$work/SHA256SUMS"
	sum='' archive=''
	while read -r a_sum a_name; do
		a_name=${a_name#\*}
		case $a_name in
		*/*) ;;
		"tunnel-${version:-}"*"-linux-$architecture.tar.gz")
			[ -z "$version" ] || [ "$a_name" = "tunnel-$version-linux-$architecture.tar.gz" ] || continue
			sum=$a_sum archive=$a_name
			;;
		esac
	done <"$work/SHA256SUMS"
	[ -n "$archive" ] || fail "$base_url has no release ${version:+$version }for linux-$architecture"
}

check_archive() {
	fetch "$base_url/$archive" "$work/$archive"
	got=$(checksum_of "$work/$archive")
	[ "$got" = "$sum" ] || fail "$archive is not what SHA256SUMS says (it has $got, and should have $sum); nothing was installed"
	mkdir "$work/root"
	tar -xzf "$work/$archive" -C "$work/root" || fail "$archive cannot be unpacked; nothing was installed"
	root=$work/root/${archive%.tar.gz}
	[ -f "$root/bin/tunnel" ] || fail "$archive has no program in it; nothing was installed"
	chmod 755 "$root/bin/tunnel"
	told=$("$root/bin/tunnel" version 2>&1) || fail "the program does not run here; nothing was installed. It says: $told"
}

# put FILE DIR MODE: in one step, so that a program that runs, or a reader, never sees half of it.
put() {
	mkdir -p "$2" || fail "$2 cannot be made, for the cause above; not as root, --prefix \"\$HOME/.local\" may do"
	to=$2/${1##*/}
	{ cp "$1" "$to.new" && chmod "$3" "$to.new" && mv -f "$to.new" "$to"; } || {
		rm -f "$to.new"
		fail "$to cannot be written, for the cause above; not as root, --prefix \"\$HOME/.local\" may do"
	}
	say "  $to"
}

install_files() {
	say "Installing ${archive%.tar.gz}:"
	put "$root/bin/tunnel" "$prefix/bin" 755
	for page in "$root"/share/man/man1/*; do
		[ ! -f "$page" ] || put "$page" "$prefix/share/man/man1" 644
	done
	units=
	# Units of a user's own folder are nobody's who runs services.
	[ -d /run/systemd/system ] && [ "$(id -u)" = 0 ] || return 0
	for unit in "$root"/lib/systemd/system/*; do
		[ -f "$unit" ] || continue
		sed "s|/usr/local/bin/|$prefix/bin/|g" "$unit" >"$unit.here"
		mv "$unit.here" "$unit"
		put "$unit" "$unit_dir" 644
		units=yes
	done
	[ -z "$units" ] || systemctl daemon-reload || true
}

say_what_next() {
	say "$("$prefix/bin/tunnel" version | head -n 1) is installed."
	case :$PATH: in
	*:"$prefix/bin":*) ;;
	*) say "$prefix/bin is not in PATH." ;;
	esac
	[ -n "$units" ] || return 0
	running=$(systemctl --plain --no-legend list-units 'tunnel-server.service' 'tunnel-client@*' 2>/dev/null | cut -d' ' -f1) || running=
	for unit in $running; do
		say "$unit still runs what was there before: systemctl restart $unit"
	done
	[ -n "$running" ] || say "Nothing was started. The exit node: systemctl enable --now tunnel-server; a client: man tunnel-client, FILES"
}

main() {
	base_url=${TUNNEL_BASE_URL:-$default_base_url} version='' prefix=/usr/local
	while [ $# -gt 0 ]; do
		case $1 in
		--base-url=* | --version=* | --prefix=*)
			option=${1%%=*} value=${1#*=}
			shift
			;;
		--base-url | --version | --prefix)
			[ $# -gt 1 ] || fail "$1 needs a value"
			option=$1 value=$2
			shift 2
			;;
		-h | --help)
			usage
			exit
			;;
		*) fail "there is no option $1: see --help" ;;
		esac
		case $option in
		--base-url) base_url=$value ;;
		--version) version=${value#v} ;;
		--prefix) prefix=$value ;;
		esac
	done
	case $prefix in
	/*) ;;
	*) fail "--prefix $prefix is no absolute path" ;;
	esac
	# Where systemd looks, whatever the prefix.
	case $prefix in
	/usr | /usr/local) unit_dir=$prefix/lib/systemd/system ;;
	*) unit_dir=/etc/systemd/system ;;
	esac
	umask 022
	check_base_url
	find_architecture
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	choose_archive
	check_archive
	install_files
	say_what_next
}

# In braces: a line of which a part has come would be a command without its options.
{ main "$@"; }
