import type { Command } from 'commander'
import { exitCodes } from '../failures.ts'
import { type Leaf, leavesOf, shownOptions, usageOf } from './tree.ts'

const SERVER = 'Server:'

/** The reference of the whole command line as one Markdown page, made from the commands themselves. */
export function referenceOf(program: Command): string {
  const leaves = leavesOf(program)
  const groups = Map.groupBy(leaves, ({ path }) => (path.length > 1 ? path[0]! : ''))
  const server = program.options
    .filter((option) => option.helpGroupHeading === SERVER)
    .map((option) => [`\`${option.flags}\``, option.description])
  const codes = Object.values(exitCodes).map(({ code, meaning }) => [String(code), meaning])
  const sections = [...groups].map(([name, members]) => {
    const group = program.commands.find((one) => one.name() === name)
    const heading = group ? `## ${name}\n\n${group.description()}.\n` : '## Everyday commands\n'
    return `${heading}\n${members.map(section).join('\n')}`
  })
  return `# The command line

Made by \`setpoint docs docs/cli.md\` from the contract; do not edit. Every command answers \`--help\`.

## Which server

Flags win over the environment (\`SETPOINT_URL\`, \`SETPOINT_TOKEN\`, \`SETPOINT_PROJECT\`, \`SETPOINT_PROFILE\`), the environment over the profile in use, that over the server started in this folder. A key that is kept with an address is sent to that address only.

${tableText(['flag', 'meaning'], server)}

## Exit codes

${tableText(['code', 'meaning'], codes)}

Data goes to standard output, everything else to standard error. \`--json\` prints the exact reply. Values of a path stand in their order, or are given by name (\`--model phishing\`). Objects and lists are given as JSON or as \`@file.json\`, lists of plain values also with commas.

${sections.join('\n')}`
}

function section(leaf: Leaf): string {
  const { command, path } = leaf
  const options = shownOptions(command).filter((option) => option.helpGroupHeading !== SERVER && option.long !== '--json')
  const rows = [
    ...command.registeredArguments
      .filter(({ description }) => description)
      .map((argument) => [`\`<${argument.name()}>\``, argument.description]),
    ...options.map((option) => [`\`${option.flags}\``, option.description]),
  ]
  const table = rows.length > 0 ? `\n${tableText(['input', 'meaning'], rows)}\n` : ''
  return `### ${path.join(' ')}\n\n${command.description()}.\n\n\`\`\`sh\n${usageOf(leaf)}\n\`\`\`\n${table}`
}

/** A Markdown table with its columns aligned, as the formatter would leave it. */
function tableText(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [headings, ...rows].map((row) => row.map((text) => text.replaceAll('|', '\\|')))
  const widths = headings.map((_heading, i) => Math.max(3, ...cells.map((row) => [...row[i]!].length)))
  const line = (row: readonly string[]) => `| ${row.map((text, i) => text + ' '.repeat(widths[i]! - [...text].length)).join(' | ')} |`
  return [line(cells[0]!), line(widths.map((width) => '-'.repeat(width))), ...cells.slice(1).map(line)].join('\n')
}
