/** What a file is by its first bytes and its name, without opening it. */
export type FileKind =
  | 'onnx'
  | 'safetensors'
  | 'gguf'
  | 'lightgbm'
  | 'xgboost'
  | 'pickle'
  | 'keras'
  | 'archive'
  | 'skops'
  | 'torch'
  | 'other'

/** How many bytes of a file `recognise` wants to see. */
export const FIRST_BYTES = 512

/** Endings of files that are loaded by unpickling, whatever their first bytes say: compressed ones hide them. */
const pickled = /\.(pkl|pickle|joblib|dill|cloudpickle)(\.(gz|bz2|xz|lzma|z))?$/i
const torch = /\.(pt|pth|ckpt|bin)$/i

/** Recognises a file; nothing is unpacked, and nothing loaded. */
export function recognise(name: string, start: Uint8Array): FileKind {
  const begins = (text: string) => text.length <= start.length && [...text].every((letter, i) => letter.charCodeAt(0) === start[i])
  if (begins('GGUF')) return 'gguf'
  if (pickled.test(name)) return 'pickle'
  if (begins('PK\x03\x04'))
    return torch.test(name) ? 'torch' : /\.skops$/i.test(name) ? 'skops' : /\.keras$/i.test(name) ? 'keras' : 'archive'
  if (start[0] === 0x80 && start[1]! >= 2 && start[1]! <= 5) return torch.test(name) ? 'torch' : 'pickle'
  if (begins('\x89HDF')) return 'keras'
  if (isArchive(begins, start)) return 'archive'
  if (/\.safetensors$/i.test(name)) return 'safetensors'
  if (/\.onnx$/i.test(name)) return 'onnx'
  if (begins('tree\nversion=') || begins('tree\r\nversion=')) return 'lightgbm'
  if (start[0] === 0x7b && new TextDecoder().decode(start).includes('learner')) return 'xgboost'
  return 'other'
}

function isArchive(begins: (text: string) => boolean, start: Uint8Array): boolean {
  const compressed = ['\x1f\x8b', 'BZh', '\xfd7zXZ', '7z\xbc\xaf', '\x28\xb5\x2f\xfd', 'Rar!', 'PK\x05\x06'].some(begins)
  return compressed || new TextDecoder('latin1').decode(start.subarray(257, 262)) === 'ustar'
}

/** Why loading a file of this kind can run whatever its author wished; nothing when it cannot. */
export function whyUnsafe(kind: FileKind): string | undefined {
  switch (kind) {
    case 'pickle':
      return 'a pickle runs any code its author chose when it is loaded'
    case 'torch':
      return 'a PyTorch checkpoint holds a pickle, which runs any code its author chose unless it is loaded with weights_only'
    case 'keras':
      return 'a Keras file may hold Lambda layers, which run code when they are loaded'
    default:
      return undefined
  }
}
