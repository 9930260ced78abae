#!/usr/bin/env bash
#
# Upper case from $INPUT_FILE to $OUTPUT_FILE, with bash, grep and GNU sed alone.
#
# Bash has no JSON parser, and this is none either. It finds the string under the top-level key
# "input", with any escapes, among any other keys. It does not see that a request is no JSON (the
# watchdog passes on only what is), nor a key that is itself written with escapes. Characters
# written as surrogate pairs (\ud83d\ude00) stay as they are, and so does what has no upper case
# of one character (ß). Where that is too little, install jq.

set -euo pipefail
export LC_ALL=C.UTF-8

fail() {
  printf 'bash-file: %s\n' "$1" >&2
  exit 1
}

# The JSON tokens of a file, one per line: strings, punctuation, and runs of anything else.
tokens() {
  grep -aoE '"([^"\\]|\\.)*"|[]{}:,[]|[^]{}:,["[:space:]]+' "$1"
}

# The value of the key "input" in the outermost object, as its JSON token.
input_of() {
  local -a token
  local i depth=0 value=''
  mapfile -t token < <(tokens "$1")
  for ((i = 0; i < ${#token[@]}; i++)); do
    case ${token[i]} in
      '{' | '[') depth=$((depth + 1)) ;;
      '}' | ']') depth=$((depth - 1)) ;;
      '"input"')
        if [[ $depth == 1 && ${token[i + 1]-} == ':' ]]; then
          value=${token[i + 2]-}
        fi
        ;;
    esac
  done
  printf '%s' "$value"
}

# Turns \u00e9 into é, and leaves every other escape alone, \u of controls, quote, backslash and
# surrogates too: they have to stay escaped. `printf %b` decodes; sed doubles the
# backslashes of what is to stay.
decode() {
  local text
  text=$(sed -E 's/(\\)((\\)|[^u\\]|u([dD][89a-fA-F]|00[01]|0022|005[cC]))/\1\1\2\3/g')
  printf '%b' "$text"
}

# Upper case for all but the escapes: \n is not \N.
upper() {
  sed -E 's/(\\u.{4}|\\.)|([^\\]+)/\1\U\2\E/g'
}

input=$(input_of "${INPUT_FILE:?is not set}")
[[ $input == \"*\" ]] || fail 'input must be a string'
text=${input:1:-1}

printf 'bash-file: upper-casing a string of length %d\n' "${#text}" >&2
result=$(printf '%s' "$text" | decode | upper)
printf '{"result":"%s","language":"bash"}\n' "$result" >"${OUTPUT_FILE:?is not set}"
