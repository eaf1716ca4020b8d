import type { Command } from 'commander'
import { shownOptions } from './tree.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
type ShellName = (typeof shells)[number]
type Place = { readonly path: string; readonly commands: readonly Command[]; readonly options: readonly string[] }

/** A script for a shell that completes the commands and options known today; it starts nothing while a person types. */
export function completionScript(program: Command, shell: ShellName): string {
  const places = placesOf(program, '')
  switch (shell) {
    case 'bash':
      return bashScript(places)
    case 'zsh':
      return zshScript(places)
    case 'fish':
      return fishScript(places)
  }
}

function placesOf(command: Command, path: string): Place[] {
  const options = [...shownOptions(command).map((option) => option.long ?? option.short ?? ''), '--help'].filter((option) => option !== '')
  return [
    { path, commands: command.commands, options },
    ...command.commands.flatMap((one) => placesOf(one, `${path} ${one.name()}`.trim())),
  ]
}

const wordsOf = ({ commands, options }: Place) => [...commands.map((one) => one.name()), ...options].join(' ')
const groupsOf = (places: readonly Place[]) =>
  places.filter((place) => place.path !== '' && place.commands.length > 0).map((place) => place.path)

function bashScript(places: readonly Place[]): string {
  return `# Completion of setpoint for bash.
_setpoint() {
  local word="\${COMP_WORDS[COMP_CWORD]}" place="\${COMP_WORDS[1]}" words
  case "$place" in ${groupsOf(places).join('|')}) [ "$COMP_CWORD" -gt 2 ] && place="$place \${COMP_WORDS[2]}" ;; esac
  [ "$COMP_CWORD" -eq 1 ] && place=""
  case "$place" in
${places.map((place) => `    "${place.path}") words="${wordsOf(place)}" ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _setpoint setpoint
`
}

function zshScript(places: readonly Place[]): string {
  return `#compdef setpoint
# Completion of setpoint for zsh.
_setpoint() {
  local place="\${words[2]}" found
  case "$place" in ${groupsOf(places).join('|')}) (( CURRENT > 3 )) && place="$place \${words[3]}" ;; esac
  (( CURRENT == 2 )) && place=""
  case "$place" in
${places.map((place) => `    "${place.path}") found="${wordsOf(place)}" ;;`).join('\n')}
  esac
  compadd -- \${=found}
  _files
}
if [ "$funcstack[1]" = "_setpoint" ]; then _setpoint; else compdef _setpoint setpoint; fi
`
}

function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, commands, options }) => {
    const here = `complete -c setpoint -n '__setpoint_at "${path}"'`
    return [
      ...commands.map((one) => `${here} -f -a ${one.name()} -d ${quoted(one.description())}`),
      ...options.filter((option) => option.startsWith('--')).map((option) => `${here} -l ${option.slice(2)}`),
    ]
  })
  return `# Completion of setpoint for fish.
function __setpoint_at
    set -l words (commandline -opc | string match -v -- '-*')
    set -e words[1]
    set -l groups ${groupsOf(places).join(' ')}
    set -l place "$words[1]"
    contains -- "$place" $groups; and set place (string trim -- "$words[1] $words[2]")
    test "$place" = "$argv[1]"
end
${lines.join('\n')}
`
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
