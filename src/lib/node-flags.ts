/**
 * How Node is started for the server. Requests live for a few milliseconds: a young generation of 16 to 32 MiB instead of 1 to
 * 16 lets nearly all of them die before the garbage collector looks, which takes about an eighth of the work off a request
 * (bench/serving).
 */
export const serverFlags: readonly string[] = ['--max-semi-space-size=32', '--min-semi-space-size=16']
