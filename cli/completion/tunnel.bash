# bash completion for tunnel: it asks the program itself
_tunnel() {
	local line
	COMPREPLY=()
	while IFS= read -r line; do
		if [ "$line" = ":files" ]; then
			compopt -o default
			COMPREPLY=()
			return
		fi
		COMPREPLY+=("${line%%$'\t'*}")
	done < <("${COMP_WORDS[0]}" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _tunnel tunnel
