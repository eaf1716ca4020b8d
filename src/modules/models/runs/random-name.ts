const adjectives =
  'able amber ample bold brave brief bright brisk calm candid clean clear clever crisp daring deft eager early even fair fast fine firm fleet fond frank free fresh gentle glad grand hardy keen kind lucid lively loyal mellow merry mild modest neat nimble noble plain polite prime proud quick quiet rapid rare ready robust rosy sharp shrewd sleek smart snug sober solid spry steady still stout sunny sure swift tidy trim true vast vivid warm whole wise witty young zesty'.split(
    ' ',
  )
const nouns =
  'adder alder aspen badger beech birch bison bream carp cedar cliff coast comet coral crane creek delta dove dune eagle egret elk elm fern finch fjord fox gecko glade goat grove gull hare hawk hazel heron hill ibex iris isle ivy jay koala lake lark linden lynx maple marsh mesa mole moose moth newt oak orca osprey otter owl panda peak pine plover pond quail raven reef ridge river robin rook sable seal shoal shrew skua sparrow spruce stork swan tern tiger trout vale vole walnut willow wolf wren yak yew zebra'.split(
    ' ',
  )

/** A name such as `brisk-heron-417` for what came without one; at most 20 characters. */
export function randomName(random: () => number): string {
  const pick = (words: readonly string[]) => words[Math.floor(random() * words.length)]!
  return `${pick(adjectives)}-${pick(nouns)}-${Math.floor(random() * 1_001)}`
}
