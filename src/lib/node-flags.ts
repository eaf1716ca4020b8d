/**
 * How Node is started for the server. Requests live for a few milliseconds: a young generation of 16 to 32 MiB instead of 1 to
 * 16 lets nearly all of them die before the garbage collector looks, which takes about an eighth of the work off a request
 * (bench/serving). Without memory protection keys: where the processor has them, V8 (as in Node 24) keeps one register of the pages
 * of compiled code for all threads, and now and then ends the whole process with "jit_page.has_value()" when threads come and go.
 */
export const serverFlags: readonly string[] = ['--max-semi-space-size=32', '--min-semi-space-size=16', '--no-memory-protection-keys']
