import type { ServerResponse } from 'node:http'
import { binaryFromData } from '../../lib/tensors/binary-data.ts'
import { jsonFromData } from '../../lib/tensors/json-data.ts'
import type { Tensor } from '../../lib/tensors/tensor.ts'
import { asInvalid } from './call.ts'
import type { ReplyForm } from './http-request.ts'
import type { Answer } from './inference.ts'

const allJson: ReplyForm = { binaryByDefault: false, binary: new Map() }

/** Sends an answer: as JSON, or as JSON followed by the outputs that were asked for as binary data. */
export function sendAnswer(response: ServerResponse, answer: Answer, form: ReplyForm = allJson): void {
  if (!answer.recorded) response.setHeader('setpoint-recorded', 'false')
  const parts: Uint8Array[] = []
  const json = asInvalid(() =>
    answerText(answer, (output) => {
      if (!(form.binary.get(output.name) ?? form.binaryByDefault)) return undefined
      const bytes = binaryFromData(output.datatype, output.data)
      parts.push(bytes)
      return bytes.length
    }),
  )
  if (parts.length === 0) {
    sendText(response, json)
    return
  }
  const head = Buffer.from(json)
  const body = Buffer.concat([head, ...parts])
  response
    .writeHead(200, {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': head.length,
      'content-length': body.length,
    })
    .end(body)
}

/** A text of JSON in one write together with its head. */
export function sendText(response: ServerResponse, json: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) }).end(json)
}

/**
 * The JSON of an answer. `binarySize` answers the bytes of an output that goes without data, undefined for the others. Throws
 * RangeError for BYTES that are not UTF-8.
 */
export function answerText(answer: Answer, binarySize: (output: Tensor) => number | undefined = () => undefined): string {
  const { model, version, id, fallback, outputs } = answer
  const parameters = fallback ? ',"parameters":{"fallback":true}' : ''
  return `{"model_name":"${model}","model_version":"${version}","id":${JSON.stringify(id)}${parameters},"outputs":[${outputs
    .map((output) => outputText(output, binarySize(output)))
    .join(',')}]}`
}

function outputText(output: Tensor, sizeBytes: number | undefined): string {
  const head = `{"name":${JSON.stringify(output.name)},"datatype":"${output.datatype}","shape":[${output.shape.join(',')}]`
  if (sizeBytes !== undefined) return `${head},"parameters":{"binary_data_size":${sizeBytes}}}`
  return `${head},"data":${jsonFromData(output.datatype, output.data)}}`
}

/** The JSON of the answer to rows of a tabular model, without the tensors in between. */
export function rowsText(
  head: { readonly model: string; readonly id: string; readonly fallback: boolean },
  { scores, versions }: { readonly scores: Float32Array; readonly versions: readonly number[] },
  predictions: Int32Array,
): string {
  const { model, id, fallback } = head
  const parameters = fallback ? ',"parameters":{"fallback":true}' : ''
  const shape = `[${scores.length},1]`
  let numbers = ''
  let classes = ''
  for (let row = 0; row < scores.length; row++) {
    const score = scores[row]!
    const comma = row === 0 ? '' : ','
    numbers += comma + (Number.isFinite(score) ? score : 'null')
    classes += comma + predictions[row]
  }
  return `{"model_name":"${model}","model_version":"${versions[0]}","id":${JSON.stringify(id)}${parameters},"outputs":[{"name":"score","datatype":"FP32","shape":${shape},"data":[${numbers}]},{"name":"prediction","datatype":"INT32","shape":${shape},"data":[${classes}]},{"name":"version","datatype":"INT32","shape":${shape},"data":[${versions.join(',')}]}]}`
}
