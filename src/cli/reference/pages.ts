import type { Command } from 'commander'
import { exitCodes } from '../failures.ts'
import { type Leaf, leavesOf, shownOptions, usageOf } from './tree.ts'

const SERVER = 'Server:'

/** The reference of the whole command line as one Markdown page, made from the commands themselves. */
export function referenceOf(program: Command): string {
  const leaves = leavesOf(program)
  const groups = Map.groupBy(leaves, ({ path }) => (path.length > 1 ? path[0]! : ''))
  const server = program.options.map((option) => `| \`${option.flags}\` | ${cell(option.description)} |`)
  const codes = Object.values(exitCodes).map(({ code, meaning }) => `| ${code} | ${cell(meaning)} |`)
  const sections = [...groups].map(([name, members]) => {
    const group = program.commands.find((one) => one.name() === name)
    const heading = group ? `## ${name}\n\n${group.description()}.\n` : '## Everyday commands\n'
    return `${heading}\n${members.map(section).join('\n')}`
  })
  return `# The command line

Made by \`setpoint docs docs/cli.md\` from the contract; do not edit. Every command answers \`--help\`.

## Which server

Flags win over the environment (\`SETPOINT_URL\`, \`SETPOINT_TOKEN\`, \`SETPOINT_PROJECT\`, \`SETPOINT_PROFILE\`), the environment over the profile in use, that over the server started in this folder. A key that is kept with an address is sent to that address only.

| flag | meaning |
|---|---|
${server.join('\n')}

## Exit codes

| code | meaning |
|---|---|
${codes.join('\n')}

Data goes to standard output, everything else to standard error. \`--json\` prints the exact reply. Values of a path stand in their order, or are given by name (\`--model phishing\`). Objects and lists are given as JSON or as \`@file.json\`, lists of plain values also with commas.

${sections.join('\n')}`
}

function section(leaf: Leaf): string {
  const { command, path } = leaf
  const options = shownOptions(command).filter((option) => option.helpGroupHeading !== SERVER && option.long !== '--json')
  const rows = [
    ...command.registeredArguments
      .filter((argument) => argument.description)
      .map((argument) => `| \`<${argument.name()}>\` | ${cell(argument.description)} |`),
    ...options.map((option) => `| \`${cell(option.flags)}\` | ${cell(option.description)} |`),
  ]
  const table = rows.length > 0 ? `\n| input | meaning |\n|---|---|\n${rows.join('\n')}\n` : ''
  return `### ${path.join(' ')}\n\n${command.description()}.\n\n\`\`\`sh\n${usageOf(leaf)}\n\`\`\`\n${table}`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
