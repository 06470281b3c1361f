# fish completion for tunnel: it asks the program itself
function __tunnel_complete
	set -l words (commandline -opc)
	set -l last (commandline -ct)
	set -l program $words[1]
	set -e words[1]
	set -l found ($program complete $words "$last" 2>/dev/null)
	if contains -- ':files' $found
		set -l before (string match -r -- '^--[^=]*=' "$last")
		__fish_complete_path (string replace -- "$before" '' "$last") | string replace -r -- '^' "$before"
	else
		printf '%s\n' $found
	end
end
complete -c tunnel -f -a '(__tunnel_complete)'
