/**
 * The contract’s schemas compile themselves with `new Function` where they may; the console’s content security policy
 * forbids it, and merely trying is reported as a violation. This is read by the schema library when it is loaded, so it is
 * imported before anything that declares a schema.
 */
const settings = globalThis as { __zod_globalConfig?: { jitless: boolean } }
settings.__zod_globalConfig = { jitless: true }
