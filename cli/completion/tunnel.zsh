#compdef tunnel
# zsh completion for tunnel: it asks the program itself
_tunnel() {
	local line
	local -a found
	for line in "${(@f)$("${(Q)words[1]}" complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
		if [[ $line == ':files' ]]; then
			compset -P '--*='
			_files
			return
		fi
		[[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
	done
	_describe 'tunnel' found
}
if [[ $funcstack[1] == _tunnel ]]; then
	_tunnel "$@"
else
	compdef _tunnel tunnel
fi
